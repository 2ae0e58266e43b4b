/*
 * Stand-downs come and go by their files alone, so that two policies say all there is to know. Owns nothing. Run by
 * the guard's loop.
 */

#include "guard/stand-downs.h"

#include "policy/standing.h"
#include "trail/event.h"

static void stand_down_tell_new(const Object *stand_down)
{
        const char *reason = stand_down->main.values[KEY_REASON]->text;

        event_tell(EVENT_STOOD_DOWN, EVENT_FIELDS({"name", stand_down->name}, {"why", reason}),
                   "The stand-down %s is in force: %s", stand_down->name, reason);
}

void stand_downs_tell(const Policy *old, const Policy *new)
{
        size_t n;

        const Object *now = policy_objects(new, OBJECT_STAND_DOWN, &n);
        for (size_t i = 0; i < n; i++)
                if (!old || !policy_object(old, OBJECT_STAND_DOWN, now[i].name))
                        stand_down_tell_new(&now[i]);
        if (!old)
                return;
        const Object *before = policy_objects(old, OBJECT_STAND_DOWN, &n);
        for (size_t i = 0; i < n; i++)
                if (!policy_object(new, OBJECT_STAND_DOWN, before[i].name))
                        event_tell(EVENT_STAND_DOWN_OVER, EVENT_FIELDS({"name", before[i].name}),
                                   "The stand-down %s is over: its file was taken away.", before[i].name);
}
