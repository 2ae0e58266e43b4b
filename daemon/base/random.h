#pragma once
/*
 * Random bytes from the kernel (getrandom(2)): request ids, salts, session ids, keys.
 */

#include <stddef.h>

/** random_bytes() - Fills @n bytes. Aborts where the kernel has none to give: no fallback would be safe. */
void random_bytes(void *ret_data, size_t n);
