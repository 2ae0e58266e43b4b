/* The states of a request. That its way is followed on the loop is tested with real processes. */

#include <criterion/criterion.h>

#include "guard/request.h"

static const RequestState moves[][2] = {
        {REQUEST_RECEIVED, REQUEST_DECIDED},
        {REQUEST_RECEIVED, REQUEST_ENDED},
        {REQUEST_DECIDED, REQUEST_DECISION_RECORDED},
        {REQUEST_DECIDED, REQUEST_ENDED},
        {REQUEST_DECISION_RECORDED, REQUEST_ENDED},
        {REQUEST_DECISION_RECORDED, REQUEST_SUBMITTED},
        {REQUEST_DECISION_RECORDED, REQUEST_RESULTED},
        {REQUEST_DECISION_RECORDED, REQUEST_OWING},
        {REQUEST_DECISION_RECORDED, REQUEST_AWAITING},
        {REQUEST_AWAITING, REQUEST_SUBMITTED},
        {REQUEST_AWAITING, REQUEST_RESULTED},
        {REQUEST_AWAITING, REQUEST_OWING},
        {REQUEST_SUBMITTED, REQUEST_RESULTED},
        {REQUEST_SUBMITTED, REQUEST_OWING},
        {REQUEST_RESULTED, REQUEST_OUTCOME_RECORDED},
        {REQUEST_RESULTED, REQUEST_OWING},
        {REQUEST_OWING, REQUEST_RESULTED},
        {REQUEST_OUTCOME_RECORDED, REQUEST_ENDED},
};

Test(request, only_these_moves_are_permitted)
{
        for (RequestState from = 0; from < _REQUEST_STATE_MAX; from++)
                for (RequestState to = 0; to < _REQUEST_STATE_MAX; to++) {
                        bool listed = false;
                        for (size_t i = 0; i < sizeof(moves) / sizeof(*moves); i++)
                                listed = listed || (moves[i][0] == from && moves[i][1] == to);
                        cr_expect_eq(request_may_move(from, to), listed, "%s to %s", request_state_name(from),
                                     request_state_name(to));
                }
}

/* Whether `to` can be reached from `from` without passing `but`. */
static bool reaches(RequestState from, RequestState to, RequestState but)
{
        bool seen[_REQUEST_STATE_MAX] = {};
        RequestState queue[_REQUEST_STATE_MAX];
        size_t n = 0;

        seen[but] = true;
        queue[n++] = from;
        for (size_t i = 0; i < n; i++)
                for (RequestState next = 0; next < _REQUEST_STATE_MAX; next++)
                        if (request_may_move(queue[i], next) && !seen[next]) {
                                if (next == to)
                                        return true;
                                seen[next] = true;
                                queue[n++] = next;
                        }
        return false;
}

Test(request, no_job_before_the_decision_is_recorded)
{
        cr_expect_not(reaches(REQUEST_RECEIVED, REQUEST_SUBMITTED, REQUEST_DECISION_RECORDED));
}

Test(request, what_was_submitted_does_not_end_before_its_outcome_is_recorded)
{
        cr_expect_not(reaches(REQUEST_SUBMITTED, REQUEST_ENDED, REQUEST_OUTCOME_RECORDED));
        cr_expect(reaches(REQUEST_SUBMITTED, REQUEST_ENDED, REQUEST_RECEIVED));
}

Test(request, nothing_follows_the_end)
{
        for (RequestState to = 0; to < _REQUEST_STATE_MAX; to++)
                cr_expect_not(request_may_move(REQUEST_ENDED, to));
}
