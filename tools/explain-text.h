#pragma once
/* An explanation for a person at a terminal, 78 columns wide. */

#include <stdio.h>

#include "policy/explain.h"

/**
 * explain_text_write() - Writes all of it: the verdict in one sentence, the steps that were taken, the verdict
 * again.
 *
 * Return: 0, or -ENOMEM.
 */
int explain_text_write(const Explanation *explanation, FILE *out);
