/*
 * A job that was accepted.
 */

#include "worker/job.h"

#include <stdlib.h>

Job *job_new(void)
{
        Job *job = calloc(1, sizeof(Job));
        if (job)
                job->packet = PACKET_INIT;
        return job;
}

Job *job_free(Job *job)
{
        if (!job)
                return NULL;
        buffer_deinit(&job->result);
        operation_state_deinit(&job->state);
        leaf_deinit(&job->leaf);
        packet_deinit(&job->packet);
        free(job);
        return NULL;
}
