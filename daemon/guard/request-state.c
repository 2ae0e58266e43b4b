/*
 * The states of a request and how they may follow each other. Pure.
 */

#include "guard/request.h"

const char *request_state_name(RequestState state)
{
        static const char *const names[_REQUEST_STATE_MAX] = {
                [REQUEST_RECEIVED] = "received",
                [REQUEST_DECIDED] = "decided",
                [REQUEST_DECISION_RECORDED] = "decision-recorded",
                [REQUEST_AWAITING] = "awaiting",
                [REQUEST_SUBMITTED] = "submitted",
                [REQUEST_RESULTED] = "resulted",
                [REQUEST_OUTCOME_RECORDED] = "outcome-recorded",
                [REQUEST_OWING] = "owing",
                [REQUEST_ENDED] = "ended",
        };
        return names[state];
}

bool request_may_move(RequestState from, RequestState to)
{
        static const bool moves[_REQUEST_STATE_MAX][_REQUEST_STATE_MAX] = {
                [REQUEST_RECEIVED] = {[REQUEST_DECIDED] = true, [REQUEST_ENDED] = true},
                [REQUEST_DECIDED] = {[REQUEST_DECISION_RECORDED] = true, [REQUEST_ENDED] = true},
                [REQUEST_DECISION_RECORDED] = {[REQUEST_AWAITING] = true,
                                               [REQUEST_SUBMITTED] = true,
                                               [REQUEST_RESULTED] = true,
                                               [REQUEST_OWING] = true,
                                               [REQUEST_ENDED] = true},
                [REQUEST_AWAITING] =
                        {[REQUEST_SUBMITTED] = true, [REQUEST_RESULTED] = true, [REQUEST_OWING] = true},
                [REQUEST_SUBMITTED] = {[REQUEST_RESULTED] = true, [REQUEST_OWING] = true},
                [REQUEST_RESULTED] = {[REQUEST_OUTCOME_RECORDED] = true, [REQUEST_OWING] = true},
                [REQUEST_OWING] = {[REQUEST_RESULTED] = true},
                [REQUEST_OUTCOME_RECORDED] = {[REQUEST_ENDED] = true},
        };
        return moves[from][to];
}
