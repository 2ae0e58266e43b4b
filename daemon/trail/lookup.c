/*
 * Looking a request up. Owns what was found until the loop has heard of it. The work is done in the trail's
 * thread.
 */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "trail/task.h"

typedef struct Lookup {
        Task task;
        uint8_t request[REQUEST_ID_SIZE];
        TrailFoundHandler handler;
        void *userdata;
        Finding finding;
} Lookup;

static int lookup_run(Task *task, Committer *committer)
{
        Lookup *lookup = CONTAINER_OF(task, Lookup, task);

        return committer_find(committer, lookup->request, &lookup->finding);
}

static int lookup_tell(Task *task)
{
        const Lookup *lookup = CONTAINER_OF(task, Lookup, task);
        const Finding *finding = &lookup->finding;
        TrailRecord record = {.decision = finding->decision.data,
                              .n_decision = finding->decision.n,
                              .decision_proof = buffer_text(&finding->decision_proof)};

        if (finding->has_outcome) {
                record.outcome = finding->outcome.data;
                record.n_outcome = finding->outcome.n;
                record.outcome_proof = buffer_text(&finding->outcome_proof);
        }
        return lookup->handler(finding->found ? &record : NULL, lookup->userdata);
}

static void lookup_release(Task *task)
{
        Lookup *lookup = CONTAINER_OF(task, Lookup, task);

        finding_deinit(&lookup->finding);
        free(lookup);
}

int trail_find(Trail *trail, const uint8_t request[static REQUEST_ID_SIZE], TrailFoundHandler found,
               void *userdata)
{
        Lookup *lookup = calloc(1, sizeof(*lookup));
        if (!lookup)
                return -ENOMEM;
        *lookup = (Lookup){.task = {.run = lookup_run, .tell = lookup_tell, .release = lookup_release},
                           .handler = found,
                           .userdata = userdata};
        memcpy(lookup->request, request, sizeof(lookup->request));
        return trail_submit(trail, &lookup->task);
}
