#pragma once
/*
 * Status absence: from why the service does not answer to words. The only place where that is worded for
 * `matchguard status`. Pure.
 */

#include <stdbool.h>

#include "tools/finding.h"
#include "tools/unit-state.h"

typedef struct StatusAbsence {
        int ending;        /* CLIENT_E_* of the call */
        int connect_errno; /* with CLIENT_E_UNREACHABLE */
        const char *place; /* the folder that was named, or NULL: the installed service */
        /* of the installed service; what is not known is all zero */
        UnitState socket, service, frontend;
} StatusAbsence;

/** status_absence_find() - One finding: which of them it is. */
void status_absence_find(const StatusAbsence *absence, FindingList *list);
