/*
 * Subjects: the second half of what is enrolled. A line is a subject and nothing else: white space, empty
 * lines and Windows line ends are faults, because a subject that is shifted by a line belongs to somebody
 * else's face.
 */

#include "tools/subjects.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/macro.h"
#include "base/text.h"

/* Of the longest subjects, some ten million lines. */
enum { FILE_MAX = 700 * 1024 * 1024 };

void subjects_deinit(Subjects *subjects)
{
        free(subjects->items);
        buffer_deinit(&subjects->text);
        *subjects = SUBJECTS_INIT;
}

static size_t count_lines(const Buffer *text)
{
        size_t n = 0;
        for (size_t i = 0; i < text->n; i++)
                n += text->data[i] == '\n';
        return n + (text->n > 0 && text->data[text->n - 1] != '\n');
}

static int split_lines(Subjects *subjects, const char *path, Buffer *fault)
{
        char *at = (char *)subjects->text.data, *end = at + subjects->text.n;
        while (at < end) {
                char *newline = memchr(at, '\n', (size_t)(end - at));
                size_t n = (size_t)((newline ? newline : end) - at);
                if (!text_is_subject(at, n)) {
                        buffer_append_format(
                                fault,
                                "%s:%zu: this is no subject: 1 to 64 of A-Z a-z 0-9 . _ : - are wanted", path,
                                subjects->n + 1);
                        return SUBJECTS_E_INVALID;
                }
                at[n] = '\0'; /* at the end of the text a NUL stands already */
                subjects->items[subjects->n++] = at;
                at += n + 1;
        }
        return 0;
}

int subjects_read(const char *path, Subjects *ret_subjects, Buffer *fault)
{
        _cleanup_(subjects_deinit) Subjects subjects = SUBJECTS_INIT;
        int r = fd_read_file(AT_FDCWD, path, FILE_MAX, &subjects.text);
        if (r == 0) {
                subjects.items = calloc(count_lines(&subjects.text) + 1, sizeof(*subjects.items));
                r = subjects.items ? 0 : -ENOMEM;
        }
        if (r < 0) {
                buffer_append_format(fault, "%s: %s", path, strerror(-r));
                return SUBJECTS_E_INVALID;
        }
        r = split_lines(&subjects, path, fault);
        if (r != 0)
                return r;
        *ret_subjects = subjects;
        subjects = SUBJECTS_INIT;
        return 0;
}
