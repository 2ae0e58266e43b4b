/* Similarities to text. Pure. */

#include "tools/similarity.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/text.h"

void similarity_format(int32_t millionths, char ret_text[static SIMILARITY_TEXT_SIZE])
{
        int32_t size = abs(millionths);
        int n = snprintf(ret_text, SIMILARITY_TEXT_SIZE, "%s%" PRId32 ".%06" PRId32,
                         millionths < 0 ? "-" : "", size / TEXT_SIMILARITY_ONE, size % TEXT_SIMILARITY_ONE);

        while (ret_text[n - 1] == '0')
                n--;
        if (ret_text[n - 1] == '.')
                n--;
        ret_text[n] = '\0';
}
