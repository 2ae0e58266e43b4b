/*
 * A list of dates with the latest stage at which each was told of. It is as long as the policy has dates that
 * come near, and looked through once an hour.
 */

#include "guard/said.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"

typedef struct SaidDate {
        UpcomingKind kind;
        char *name;
        int64_t instant;
        unsigned stage;
} SaidDate;

void said_deinit(Said *said)
{
        for (size_t i = 0; i < said->n; i++)
                free(said->dates[i].name);
        free(said->dates);
        *said = SAID_INIT;
}

static SaidDate *said_find(const Said *said, const Upcoming *upcoming)
{
        for (size_t i = 0; i < said->n; i++) {
                SaidDate *date = &said->dates[i];
                if (date->kind == upcoming->kind && date->instant == upcoming->instant &&
                    strcmp(date->name, upcoming->name) == 0)
                        return date;
        }
        return NULL;
}

static int said_add(Said *said, const Upcoming *upcoming)
{
        SaidDate *dates = reallocarray(said->dates, said->n + 1, sizeof(*dates));
        if (!dates)
                return -ENOMEM;
        said->dates = dates;
        char *name = strdup(upcoming->name);
        if (!name)
                return -ENOMEM;
        dates[said->n++] = (SaidDate){.kind = upcoming->kind,
                                      .name = name,
                                      .instant = upcoming->instant,
                                      .stage = upcoming_stage(upcoming)};
        return 1;
}

int said_note(Said *said, const Upcoming *upcoming)
{
        unsigned stage = upcoming_stage(upcoming);
        SaidDate *date = said_find(said, upcoming);

        if (!date)
                return said_add(said, upcoming);
        if (stage <= date->stage)
                return 0;
        date->stage = stage;
        return 1;
}
