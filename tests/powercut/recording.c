/* The runs that are recorded. */

#include "recording.h"

#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "disk.h"
#include "must.h"
#include "run.h"
#include "watch.h"

/* A folder for a run. */
typedef struct Ground {
        char dir[64], state_dir[80];
} Ground;

static void ground_init(Ground *ground)
{
        (void)snprintf(ground->dir, sizeof(ground->dir), "/dev/shm/powercut.XXXXXX");
        MUST(mkdtemp(ground->dir));
        (void)snprintf(ground->state_dir, sizeof(ground->state_dir), "%s/state", ground->dir);
}

static void ground_deinit(Ground *ground)
{
        state_remove(ground->dir);
        MUST(rmdir(ground->dir) == 0);
}

static Run run_on(Recording *recording, const Ground *ground, const Policy *policy)
{
        return (Run){.state_dir = ground->state_dir, .policy = policy, .book = &recording->book};
}

/* Three requests: permitted, denied, permitted. */
static void run_three(Run *run)
{
        run_begin(run);
        run_outcome(run, run_permit(run));
        run_settle(run);
        run_deny(run);
        run_outcome(run, run_permit(run));
        run_settle(run);
        run_end(run);
}

static void record_new(Recording *recording, const Ground *ground, const Policy *policy)
{
        Run run = run_on(recording, ground, policy);

        watch_start(&recording->tape, ground->dir);
        run_three(&run);
        watch_stop();
}

static void record_on(Recording *recording, const Ground *ground, const Policy *policy)
{
        Run run = run_on(recording, ground, policy);

        run_three(&run);
        record_new(recording, ground, policy);
}

/* The 257th leaf is that of a request. */
static void record_full_tile(Recording *recording, const Ground *ground, const Policy *policy)
{
        enum { BEFORE = 250 };
        Run run = run_on(recording, ground, policy);

        run_begin(&run);
        run_beats(&run, BEFORE);
        run_end(&run);
        record_new(recording, ground, policy);
}

/* An epoch ends between two requests; then the details of the first one are erased. */
static void record_epoch(Recording *recording, const Ground *ground, const Policy *policy)
{
        Run run = run_on(recording, ground, policy);
        uint64_t request[2];

        run_three(&run);
        watch_start(&recording->tape, ground->dir);
        run_begin(&run);
        request[0] = run_permit(&run);
        request[1] = recording->book.n;
        run_outcome(&run, request[0]);
        run_epoch(&run);
        run_deny(&run);
        run_settle(&run);
        run_erase(&run, request);
        run_end(&run);
        watch_stop();
}

static void recording_on_state(State *state, void *userdata)
{
        state_make(state, userdata);
}

/* The run before was cut off behind a permit, and the disk kept what it had to, no more. */
static void record_after_cut(Recording *recording, const Ground *ground, const Policy *policy)
{
        Ground before;
        Tape tape;
        Disk disk;
        size_t cut;

        ground_init(&before);
        Run run = run_on(recording, &before, policy);
        watch_start(&tape, before.dir);
        run_begin(&run);
        (void)run_permit(&run);
        cut = tape.n_ops;
        run.trail = trail_free(run.trail);
        run.event = sd_event_unref(run.event);
        watch_stop();
        ground_deinit(&before);
        disk_init(&disk, &tape, NULL);
        disk_play(&disk, cut);
        disk_state_synced(&disk, recording_on_state, (void *)ground->dir);
        disk_deinit(&disk);
        tape_deinit(&tape);
        record_new(recording, ground, policy);
}

static const struct {
        const char *name;
        void (*record)(Recording *recording, const Ground *ground, const Policy *policy);
} recordings[RECORDINGS] = {
        {"a new log", record_new},
        {"a log that goes on", record_on},
        {"a log after a cut", record_after_cut},
        {"a tile that fills", record_full_tile},
        {"an epoch that ends", record_epoch},
};

void recording_make(Recording *recording, unsigned which, const Policy *policy)
{
        Ground ground;

        *recording = (Recording){.name = recordings[which].name};
        ground_init(&ground);
        recordings[which].record(recording, &ground, policy);
        ground_deinit(&ground);
}

void recording_deinit(Recording *recording)
{
        tape_deinit(&recording->tape);
        book_deinit(&recording->book);
}
