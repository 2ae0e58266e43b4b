/*
 * Framing: however a stream is cut, the same messages come out. The first byte says how.
 */

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "varlink/frame.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Adds in pieces of `step`; counts messages and their bytes, and checks that each ends with the NUL. */
static void take_all(const uint8_t *data, size_t n, size_t step, size_t *ret_messages, size_t *ret_bytes)
{
        FrameReader reader = FRAME_READER_INIT;
        const char *message = NULL;
        size_t n_message = 0;

        for (size_t i = 0; i < n; i += step) {
                if (frame_reader_add(&reader, data + i, n - i < step ? n - i : step) < 0)
                        abort();
                while (frame_reader_next(&reader, &message, &n_message) == 0) {
                        if (strlen(message) != n_message || n_message > FRAME_MAX)
                                abort();
                        *ret_messages += 1;
                        *ret_bytes += n_message + 1;
                }
                frame_reader_shrink(&reader);
        }
        if (*ret_bytes + (reader.bytes.n - reader.start) != n)
                abort();
        frame_reader_deinit(&reader);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        size_t n_whole = 0, n_pieces = 0, bytes_whole = 0, bytes_pieces = 0;

        if (n == 0)
                return 0;
        take_all(data + 1, n - 1, n, &n_whole, &bytes_whole);
        take_all(data + 1, n - 1, 1 + data[0], &n_pieces, &bytes_pieces);
        if (n_whole != n_pieces || bytes_whole != bytes_pieces)
                abort();
        return 0;
}
