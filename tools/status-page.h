#pragma once
/* Status page: the whole picture behind the findings, in few groups. Knows nothing of what is wrong. */

#include "tools/status-facts.h"

/** status_page() - Prints it; of a public status the few things that are in it. */
void status_page(const StatusFacts *facts);
