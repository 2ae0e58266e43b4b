#pragma once
/*
 * The whole check of an export: the root from its entries, every tile byte for byte, every kept checkpoint,
 * the rules over the leaves, the files beside the tree; every decision made anew. One pass; memory is
 * constant but for open requests, the digests of loaded policies, and the windows of rates
 * (tools/permit-counts.h).
 */

#include "tools/export-reader.h"
#include "tools/findings.h"
#include "tools/leaf-rules.h"

/* A checkpoint that somebody kept; signed by the key, or it would not be here. */
typedef struct KeptHead {
        const char *path; /* where it was read, for messages */
        TreeHead head;
} KeptHead;

typedef struct LogAudit {
        Export *export;
        const char *dir;
        KeptHead *kept; /* sorted by size here */
        size_t n_kept;
        bool progress; /* show on stderr how far it is */
        Findings *findings;
        /* set by log_audit_run() */
        RuleCounts counts;
        uint64_t n_tiles;
        uint64_t n_policies; /* texts of distinct policies that were checked */
        uint64_t n_remade;   /* decisions that were made anew, the same or not */
} LogAudit;

/** log_audit_run() - Checks; what is wrong goes to `findings`. Return: 0 or -errno. */
int log_audit_run(LogAudit *audit);
