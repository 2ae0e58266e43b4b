#pragma once
/*
 * Steps of a request, as an event of the level debug: for whoever looks for where one gets stuck. What is said of it is
 * in its leaf, or is no part of what was asked (promise 8).
 */

#include <stdint.h>
#include <sys/types.h>

#include "base/diag.h"
#include "guard/request.h"

typedef struct RequestStep {
        const char *request; /* its id; "": not made yet */
        uint64_t index;      /* of its leaf */
        uid_t uid;
        const char *operation;
        const char *gallery; /* NULL: none */
        const char *verdict; /* NULL: nothing was decided yet */
        const char *rule;    /* the allow, or the reason of the denial; NULL: nothing was decided yet */
        const char *result;  /* a word of matchguard-trail(7); NULL: there is none yet */
} RequestStep;

/**
 * request_step() - Tells that it is in a state now. Costs the making of a sentence: to be called where
 * diag_is_on(DIAG_DEBUG).
 */
void request_step(const RequestStep *step, RequestState state);
