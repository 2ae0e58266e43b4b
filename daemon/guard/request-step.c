/*
 * What is told of a step. Owns nothing. Run by the guard's loop.
 */

#include "guard/request-step.h"

#include "base/buffer.h"
#include "base/macro.h"
#include "trail/event.h"

void request_step(const RequestStep *step, RequestState state)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;

        buffer_append_format(&text, "Request %s of uid %u, leaf %llu, %s", step->request, (unsigned)step->uid,
                             (unsigned long long)step->index, step->operation);
        if (step->gallery)
                buffer_append_format(&text, " in %s", step->gallery);
        if (step->verdict)
                buffer_append_format(&text, ", %s", step->verdict);
        if (step->rule)
                buffer_append_format(&text, " (%s)", step->rule);
        if (step->result)
                buffer_append_format(&text, ", result %s", step->result);
        event_tell(EVENT_STEP,
                   EVENT_FIELDS({"request", step->request}, {"index", .number = step->index},
                                {"uid", .number = step->uid}, {"state", request_state_name(state)}),
                   "%s: %s.", buffer_text(&text), request_state_name(state));
}
