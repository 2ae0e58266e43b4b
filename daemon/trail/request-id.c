/*
 * Ids of requests: 9 random bytes, then the index in 7, most significant first.
 */

#include "trail/request-id.h"

#include "base/random.h"

enum { REQUEST_ID_RANDOM = 9 };

void request_id_make(uint64_t index, uint8_t ret_id[static REQUEST_ID_SIZE])
{
        random_bytes(ret_id, REQUEST_ID_RANDOM);
        for (int i = REQUEST_ID_SIZE - 1; i >= REQUEST_ID_RANDOM; i--) {
                ret_id[i] = (uint8_t)index;
                index >>= 8;
        }
}

uint64_t request_id_index(const uint8_t id[static REQUEST_ID_SIZE])
{
        uint64_t index = 0;

        for (int i = REQUEST_ID_RANDOM; i < REQUEST_ID_SIZE; i++)
                index = index << 8 | id[i];
        return index;
}
