#pragma once
/*
 * Status findings: from facts to words. The only place where what is wrong with a service that answers, and what to do
 * about it, is worded; of one that does not, tools/status-absence.h. Pure.
 */

#include "tools/finding.h"
#include "tools/status-facts.h"

/** status_find() - All that there is to find, put into an empty list, the worst first. */
void status_find(const StatusFacts *facts, FindingList *list);
