/* The pass of a replay: bundle by bundle, each proved before a leaf of it is looked at. */

#include "tools/log-replay.h"

#include "base/macro.h"

typedef struct Pass {
        LogReplay *run;
        LogState state;
        Replay replay;
} Pass;

static bool is_wanted(const LogReplay *run, const LeafEntry *entry)
{
        uint64_t time;

        return leaf_entry_number(entry, LEAF_KEY_TIME, &time) && time >= run->since_usec &&
               time < run->until_usec;
}

static int take_request(Pass *pass, const LeafEntry *entry)
{
        const LogReplay *run = pass->run;
        ReplayedLeaf leaf = {.entry = entry, .replay = &pass->replay};

        int r = replay_request(&pass->replay, &pass->state, entry, &leaf.fault);
        if (r < 0)
                return r;
        leaf.wanted = is_wanted(run, entry);
        return run->decision(&leaf, run->userdata);
}

/* What is no leaf was signed all the same; `audit verify` says so, and nothing can be told from it here. */
static int take_leaf(Pass *pass, const Bundle *bundle, unsigned i)
{
        LeafEntry entry;

        int r = leaf_entry_read(bundle->first + i, bundle->leaves[i], bundle->sizes[i], &entry);
        if (r != 0)
                return r < 0 ? r : 0;
        if (entry.kind == LEAF_REQUEST)
                r = take_request(pass, &entry);
        log_state_take(&pass->state, &entry);
        leaf_entry_deinit(&entry);
        return r;
}

static int take_bundle(Pass *pass, uint64_t n, char **ret_why)
{
        const Bundle *bundle = NULL;

        int r = proven_log_bundle(pass->run->log, n, &bundle, ret_why);
        for (unsigned i = 0; r == 0 && i < bundle->n; i++)
                r = take_leaf(pass, bundle, i);
        if (r == 0)
                progress_show(&pass->run->progress, bundle->first + bundle->n);
        return r;
}

int log_replay_run(LogReplay *run, char **ret_why)
{
        Pass pass = {.run = run, .replay = REPLAY_INIT(run->export_dir)};
        const uint64_t n = export_n_bundles(proven_log_export(run->log));
        int r = 0;

        for (uint64_t i = 0; i < n && r == 0; i++)
                r = take_bundle(&pass, i, ret_why);
        progress_end(&run->progress);
        replay_deinit(&pass.replay);
        return r;
}
