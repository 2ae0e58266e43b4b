/*
 * Random bytes from the kernel.
 */

#include "base/random.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>
#include <sys/types.h>

void random_bytes(void *ret_data, size_t n)
{
        uint8_t *p = ret_data;

        while (n > 0) {
                ssize_t got = getrandom(p, n, 0);
                if (got < 0 && errno == EINTR)
                        continue;
                if (got <= 0)
                        abort();
                p += got;
                n -= (size_t)got;
        }
}
