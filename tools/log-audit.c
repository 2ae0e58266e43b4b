/*
 * The pass over an export. Each bundle is handed to the rules, and each leaf of it hashed into the stack of
 * tiles; each tile that the stack makes is compared with the one that lies there; each kept checkpoint is
 * compared when its size is reached.
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
#include "tools/leaf-checker.h"
#include "tools/tile-stack.h"

enum { PROGRESS_BUNDLES = 64 };

#define LOG_STALE_USEC (2 * 60 * UINT64_C(1000000))

typedef struct Pass {
        LogAudit *audit;
        TileStack stack;
        LeafChecker *checker;
        EpochChain epochs;
        size_t n_reached; /* kept heads that have been compared */
} Pass;

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

static int end_epoch(Pass *pass, const uint8_t *leaf, size_t n)
{
        const EpochLeaf last = {leaf, n};
        TreeHead head = {.size = pass->stack.size};

        tile_stack_root(&pass->stack, &head.root);
        return epoch_chain_end(&pass->epochs, &head, &last);
}

static int take_leaf(Pass *pass, const uint8_t *leaf, size_t n)
{
        Digest hash;

        check_kept(pass);
        tree_leaf_hash(leaf, n, &hash);
        int r = tile_stack_append(&pass->stack, &hash);
        return r == 0 && epoch_chain_may_end(leaf, n) ? end_epoch(pass, leaf, n) : r;
}

/* Return: 0, 1 where a bundle cannot be read (which is reported, and ends the pass), or -errno. */
static int take_bundle(Pass *pass, uint64_t n)
{
        LogAudit *audit = pass->audit;
        Bundle *bundle = leaf_checker_bundle(pass->checker);
        _cleanup_(freep) char *why = NULL;

        int r = export_read_bundle(audit->export, n, bundle, &why);
        if (r > 0) {
                findings_file(audit->findings, "entries", "%s; leaves from %" PRIu64 " on were not checked",
                              why, n * TILE_WIDTH);
                return 1;
        }
        if (r < 0)
                return r;
        /* It is judged while it is hashed. */
        leaf_checker_hand_over(pass->checker);
        for (unsigned i = 0; i < bundle->n && r == 0; i++)
                r = take_leaf(pass, bundle->leaves[i], bundle->sizes[i]);
        return r;
}

static int take_leaves(Pass *pass)
{
        int r = 0;

        for (uint64_t n = 0; n < export_n_bundles(pass->audit->export) && r == 0; n++) {
                r = take_bundle(pass, n);
                if (n % PROGRESS_BUNDLES == 0)
                        show_progress(pass, false);
        }
        return r;
}

/* Only when every leaf went in. */
static int check_end(Pass *pass)
{
        const Export *export = pass->audit->export;
        Digest root;

        int r = epoch_chain_finish(&pass->epochs);
        if (r == 0)
                r = tile_stack_finish(&pass->stack);
        if (r < 0)
                return r;
        check_kept(pass);
        check_kept_beyond(pass);
        tile_stack_root(&pass->stack, &root);
        if (!digest_equal(&root, &export->head.root))
                findings_file(pass->audit->findings, "checkpoint",
                              "the leaves do not lead to the signed root");
        return 0;
}

/* The copy in the export is compared with the key that was brought. */
static int check_own_key(const LogAudit *audit)
{
        const Export *export = audit->export;

        int r = export->own_key ? 0 : export_own_vkey_differs(export, "log.vkey", &export->verifier);
        if (r > 0)
                findings_file(audit->findings, "log.vkey", "it is not the key of %s that was given",
                              export->verifier.name);
        return r < 0 ? r : 0;
}

static int check_policies(const LogAudit *audit, const LeafCheckerResult *leaves)
{
        int r = 0;

        for (size_t i = 0; i < leaves->n_policies && r == 0; i++)
                r = export_files_check_policy(audit->export, leaves->policies[i].index,
                                              &leaves->policies[i].digest, audit->findings);
        return r;
}

/* The guard writes a leaf a minute, so a log without one is not the log as it is now. */
static void check_fresh(const LogAudit *audit)
{
        const RuleCounts *counts = &audit->counts;
        char last[TIME_TEXT_SIZE];

        if (counts->leaves == 0 || counts->last_usec + LOG_STALE_USEC >= audit->now_usec)
                return;
        time_format((int64_t)counts->last_usec, last);
        const uint64_t minutes = (audit->now_usec - counts->last_usec) / 60000000;
        /* A service that was stopped is silent. So is one whose log was cut off behind a stop: look whether it runs. */
        if (audit->fresh == LOG_FRESH_REMARKED || (audit->fresh == LOG_FRESH_RUNNING && counts->stopped))
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

/* What was found in the tree stands before what was found in the leaves, and that before the other files. */
static int finish(Pass *pass, bool whole)
{
        LogAudit *audit = pass->audit;
        LeafCheckerResult leaves = {};

        int r = leaf_checker_end(pass->checker, whole, &leaves);
        if (r < 0)
                return r;
        audit->counts = leaves.counts;
        audit->n_remade = leaves.n_remade;
        audit->n_policies = leaves.n_policies;
        findings_join(audit->findings, leaves.findings);
        if (whole && audit->counts.epochs != pass->epochs.n_ended)
                findings_file(audit->findings, "epoch",
                              "of %" PRIu64 " epochs the last leaf is longer than such a leaf can be",
                              audit->counts.epochs - pass->epochs.n_ended);
        if (whole)
                check_fresh(audit);
        r = check_policies(audit, &leaves);
        const ExportFolder folder = {audit->dir, whole ? pass->epochs.n_ended : UINT64_MAX};
        return r < 0 ? r : export_files_check(audit->export, &folder, audit->findings);
}

static int run_pass(Pass *pass)
{
        int r = take_leaves(pass);

        show_progress(pass, true);
        bool whole = r == 0;
        if (whole)
                r = check_end(pass);
        return r < 0 ? r : finish(pass, whole);
}

int log_audit_run(LogAudit *audit)
{
        const LeafCheckerSource source = {audit->export, audit->dir, audit->findings->faults != NULL};
        _cleanup_(freep) void *memory = calloc(1, sizeof(Pass)); /* too large for a stack */
        Pass *pass = memory;

        if (!pass)
                return -ENOMEM;
        pass->audit = audit;
        pass->stack.tile = on_tile;
        pass->stack.userdata = pass;
        if (audit->n_kept > 0)
                qsort(audit->kept, audit->n_kept, sizeof(*audit->kept), compare_kept);
        int r = check_own_key(audit);
        if (r == 0)
                r = epoch_chain_open(&pass->epochs, audit->export, audit->findings, audit->epoch_vkey);
        if (r == 0)
                r = leaf_checker_new(&pass->checker, &source);
        if (r == 0)
                r = run_pass(pass);
        leaf_checker_free(pass->checker);
        return r;
}
