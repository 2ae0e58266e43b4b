/*
 * Signed notes and verifier keys: any bytes. What is believed must be signed by the fixed key of this
 * program, so that nothing but the golden note of the corpus can be.
 */

#include "log/note.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        static const char vkey[] =
                "matchguard.example/audit+27de727c+AdBKsjJ0K7SrOhNovUYV5ObQIkq3GgFrr4UgozLJd4c3";
        NoteVerifier verifier, other;
        TreeHead head;
        char origin[NOTE_NAME_MAX + 1];

        if (note_verifier_parse(vkey, &verifier) != 0)
                abort();
        if (note_open(&verifier, (const char *)data, n, &head) == 0 && head.size != 3)
                abort();
        (void)note_peek((const char *)data, n, origin, &head); /* Only that it does not read past the end. */

        char *text = strndup((const char *)data, n);
        if (!text)
                return 0;
        if (note_verifier_parse(text, &other) == 0 && !note_name_is_valid(other.name))
                abort();
        free(text);
        return 0;
}
