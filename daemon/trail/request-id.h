#pragma once
/*
 * Request id: the name of a request, given with its decision. The last 14 of its 32 hexadecimal digits are the
 * index of the leaf that holds the decision, so that the leaf is found without a table of ids: rows with random
 * keys cost a page of the database each. The other 18 are random: an id that was never given out is not hit by
 * counting, and one that was made for a leaf that could not be written is never met again.
 */

#include <stdint.h>

enum { REQUEST_ID_SIZE = 16 };

/** request_id_make() - An id for the request whose decision is going to stand at @index, below 2^53. */
void request_id_make(uint64_t index, uint8_t ret_id[static REQUEST_ID_SIZE]);

/** request_id_index() - Where the decision of this request stands, if there ever was such a request. */
uint64_t request_id_index(const uint8_t id[static REQUEST_ID_SIZE]);
