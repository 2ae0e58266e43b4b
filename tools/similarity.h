#pragma once
/* Similarities as people and JSON write them. */

#include <stdint.h>

enum { SIMILARITY_TEXT_SIZE = 16 };

/** similarity_format() - Millionths, from -1000000 to 1000000, as the shortest decimal: "0.6", "-1", "0". */
void similarity_format(int32_t millionths, char ret_text[static SIMILARITY_TEXT_SIZE]);
