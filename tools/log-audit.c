/*
 * The pass over an export. Each leaf is hashed into the stack of tiles and handed to the rules; each tile
 * that the stack makes is compared with the one that lies there; each kept checkpoint is compared when its
 * size is reached.
 */

#include "tools/log-audit.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "policy/time.h"
#include "tools/epoch-chain.h"
#include "tools/export-files.h"
#include "tools/tile-stack.h"

enum { PROGRESS_BUNDLES = 64 };

#define LOG_STALE_USEC (2 * 60 * UINT64_C(1000000))

/* A policy whose text is to be found in the export. */
typedef struct LoadedPolicy {
        uint64_t index;
        Digest digest;
} LoadedPolicy;

typedef struct Pass {
        LogAudit *audit;
        TileStack stack;
        Rules *rules;
        EpochChain epochs;
        Bundle bundle;
        Bundle earlier;   /* for a look back at one leaf */
        size_t n_reached; /* kept heads that have been compared */
        LoadedPolicy *policies;
        size_t n_policies, capacity;
} Pass;

static void pass_deinit(Pass *pass)
{
        rules_free(pass->rules);
        bundle_deinit(&pass->bundle);
        bundle_deinit(&pass->earlier);
        free(pass->policies);
}

/* ----------------------------------------------------------------------------------------------- handlers */

static void on_fault(const RuleFault *fault, void *userdata)
{
        const Pass *pass = userdata;
        findings_leaf(pass->audit->findings, fault->index, fault->rule, fault->text);
}

static bool on_is_permit(uint64_t index, void *userdata)
{
        Pass *pass = userdata;
        _cleanup_(freep) char *why = NULL;

        if (export_read_bundle(pass->audit->export, index / TILE_WIDTH, &pass->earlier, &why) != 0)
                return false;
        unsigned at = (unsigned)(index % TILE_WIDTH);
        return at < pass->earlier.n && leaf_is_permit(pass->earlier.leaves[at], pass->earlier.sizes[at]);
}

static int on_loaded(uint64_t index, const char *text, void *userdata)
{
        Pass *pass = userdata;
        LoadedPolicy loaded = {.index = index};

        if (!digest_from_hex(text, &loaded.digest))
                return 0;
        for (size_t i = 0; i < pass->n_policies; i++)
                if (digest_equal(&pass->policies[i].digest, &loaded.digest))
                        return 0;
        if (pass->n_policies == pass->capacity) {
                size_t capacity = pass->capacity ? pass->capacity * 2 : 16;
                LoadedPolicy *policies = reallocarray(pass->policies, capacity, sizeof(*policies));
                if (!policies)
                        return -ENOMEM;
                pass->policies = policies;
                pass->capacity = capacity;
        }
        pass->policies[pass->n_policies++] = loaded;
        return 0;
}

static int on_epoch(uint64_t index, const char *next, void *userdata)
{
        Pass *pass = userdata;
        TreeHead head = {.size = index + 1};

        tile_stack_root(&pass->stack, &head.root);
        return epoch_chain_end(&pass->epochs, &head, next);
}

/* Compares a tile made from the leaves with the one in the export. */
static int on_tile(const TileStackTile *made, void *userdata)
{
        Pass *pass = userdata;
        Findings *findings = pass->audit->findings;
        Tile tile = {.level = made->level, .n = made->n};
        char path[TILE_PATH_MAX];
        _cleanup_(freep) char *why = NULL;

        tile_path(made->level, made->n, made->width, path);
        pass->audit->n_tiles++;
        int r = export_read_tile(pass->audit->export, &tile, &why);
        if (r < 0)
                return r;
        if (r > 0) {
                findings_file(findings, path, "%s", why);
                return 0;
        }
        for (unsigned i = 0; i < made->width; i++) {
                if (digest_equal(&tile.hashes[i], &made->hashes[i]))
                        continue;
                uint64_t first = (made->n * TILE_WIDTH + i) << (TILE_HEIGHT * made->level);
                if (made->level == 0)
                        findings_file(findings, path,
                                      "the hash of leaf %" PRIu64 " is not the one that it holds", first);
                else
                        findings_file(findings, path,
                                      "what it holds for the leaves from %" PRIu64 " on is not their hash",
                                      first);
        }
        return 0;
}

/* --------------------------------------------------------------------------------------- kept checkpoints */

static int compare_kept(const void *a, const void *b)
{
        const KeptHead *left = a, *right = b;
        return (left->head.size > right->head.size) - (left->head.size < right->head.size);
}

/* Compares the kept heads of the size that is reached now. */
static void check_kept(Pass *pass)
{
        const LogAudit *audit = pass->audit;
        Digest root;

        for (; pass->n_reached < audit->n_kept; pass->n_reached++) {
                const KeptHead *kept = &audit->kept[pass->n_reached];
                if (kept->head.size > pass->stack.size)
                        return;
                tile_stack_root(&pass->stack, &root);
                if (!digest_equal(&root, &kept->head.root))
                        findings_file(audit->findings, kept->path,
                                      "the log is not the one of this checkpoint: its first %" PRIu64
                                      " leaves have another root",
                                      kept->head.size);
        }
}

static void check_kept_beyond(const Pass *pass)
{
        const LogAudit *audit = pass->audit;

        for (size_t i = pass->n_reached; i < audit->n_kept; i++)
                findings_file(audit->findings, audit->kept[i].path,
                              "the log has shrunk: this checkpoint covers %" PRIu64
                              " leaves, the export %" PRIu64,
                              audit->kept[i].head.size, pass->stack.size);
}

/* ----------------------------------------------------------------------------------------------- the pass */

static void show_progress(const Pass *pass, bool end)
{
        if (!pass->audit->progress)
                return;
        if (end)
                fprintf(stderr, "\r\033[K");
        else
                fprintf(stderr, "\r%" PRIu64 " of %" PRIu64 " leaves", pass->stack.size,
                        pass->audit->export->head.size);
}

static int take_leaf(Pass *pass, const uint8_t *leaf, size_t n)
{
        Digest hash;

        check_kept(pass);
        tree_leaf_hash(leaf, n, &hash);
        int r = tile_stack_append(&pass->stack, &hash);
        return r < 0 ? r : rules_leaf(pass->rules, leaf, n);
}

/* Return: 0, 1 where a bundle cannot be read (which is reported, and ends the pass), or -errno. */
static int take_leaves(Pass *pass)
{
        LogAudit *audit = pass->audit;

        for (uint64_t n = 0; n < export_n_bundles(audit->export); n++) {
                _cleanup_(freep) char *why = NULL;
                int r = export_read_bundle(audit->export, n, &pass->bundle, &why);
                if (r > 0) {
                        findings_file(audit->findings, "entries",
                                      "%s; leaves from %" PRIu64 " on were not checked", why, n * TILE_WIDTH);
                        return 1;
                }
                for (unsigned i = 0; i < pass->bundle.n && r == 0; i++)
                        r = take_leaf(pass, pass->bundle.leaves[i], pass->bundle.sizes[i]);
                if (r < 0)
                        return r;
                if (n % PROGRESS_BUNDLES == 0)
                        show_progress(pass, false);
        }
        return 0;
}

/* The guard writes a leaf a minute, so a log without one is not the log as it is now. */
static void check_fresh(const Pass *pass)
{
        const LogAudit *audit = pass->audit;
        const RuleCounts counts = rules_counts(pass->rules);
        char last[TIME_TEXT_SIZE];

        if (counts.leaves == 0 || counts.last_usec + LOG_STALE_USEC >= audit->now_usec ||
            (counts.stopped && audit->fresh != LOG_FRESH_ALWAYS))
                return;
        time_format((int64_t)counts.last_usec, last);
        const uint64_t minutes = (audit->now_usec - counts.last_usec) / 60000000;
        if (audit->fresh == LOG_FRESH_REMARKED)
                findings_remark(audit->findings,
                                "the newest leaf is of %s, %" PRIu64 " minutes ago; what came after it, this "
                                "export does not say",
                                last, minutes);
        else
                findings_file(audit->findings, "checkpoint",
                              "the log is stale or was cut off: its newest leaf is of %s, %" PRIu64
                              " minutes ago",
                              last, minutes);
}

/* Only when every leaf went in. */
static int check_end(Pass *pass)
{
        const Export *export = pass->audit->export;
        Digest root;

        int r = tile_stack_finish(&pass->stack);
        if (r < 0)
                return r;
        check_kept(pass);
        check_kept_beyond(pass);
        tile_stack_root(&pass->stack, &root);
        if (!digest_equal(&root, &export->head.root))
                findings_file(pass->audit->findings, "checkpoint",
                              "the leaves do not lead to the signed root");
        rules_end(pass->rules);
        check_fresh(pass);
        return epoch_chain_finish(&pass->epochs);
}

/* @whole: every leaf was read, so that it is known how many epochs have ended. */
static int check_files(Pass *pass, bool whole)
{
        LogAudit *audit = pass->audit;

        for (size_t i = 0; i < pass->n_policies; i++) {
                const LoadedPolicy *policy = &pass->policies[i];
                int r = export_files_check_policy(audit->export, policy->index, &policy->digest,
                                                  audit->findings);
                if (r < 0)
                        return r;
        }
        audit->n_policies = pass->n_policies;
        const ExportFolder folder = {audit->dir, whole ? pass->epochs.n_ended : UINT64_MAX};
        return export_files_check(audit->export, &folder, audit->findings);
}

int log_audit_run(LogAudit *audit)
{
        _cleanup_(freep) void *memory = calloc(1, sizeof(Pass)); /* too large for a stack */
        Pass *pass = memory;
        const RuleHandlers handlers = {on_fault, on_is_permit, on_loaded, on_epoch, pass};

        if (!pass)
                return -ENOMEM;
        pass->audit = audit;
        pass->stack.tile = on_tile;
        pass->stack.userdata = pass;
        if (audit->n_kept > 0)
                qsort(audit->kept, audit->n_kept, sizeof(*audit->kept), compare_kept);
        int r = rules_new(&pass->rules, &handlers);
        if (r == 0)
                r = epoch_chain_open(&pass->epochs, audit->export, audit->findings, audit->epoch_vkey);
        if (r == 0)
                r = take_leaves(pass);
        show_progress(pass, true);
        if (r == 0)
                r = check_end(pass);
        if (r >= 0)
                r = check_files(pass, r == 0);
        if (pass->rules)
                audit->counts = rules_counts(pass->rules);
        pass_deinit(pass);
        return r;
}
