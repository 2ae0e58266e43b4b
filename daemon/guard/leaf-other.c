/*
 * The leaves that are no request's. Pure; run by the guard's loop.
 *
 * detail of a policy: `why`; of a disclosure: `reason` (both base64url), `loginuid`, `session`, `unit` of who asked.
 */

#include "guard/leaves.h"

void leaf_start(const LeafStart *start, Draft *draft)
{
        Leaf *leaf = &draft->leaf;

        leaf_set_text(leaf, "program", start->program);
        leaf_set_number(leaf, "size", start->head.size);
        leaf_set_text(leaf, "root", draft_hex(draft, &start->head.root, sizeof(start->head.root)));
        leaf_set_number(leaf, "open", start->n_open);
        leaf_set_number(leaf, "clean", start->clean ? 1 : 0);
        if (start->previous)
                leaf_set_text(leaf, "previous", draft_hex(draft, start->previous, sizeof(Digest)));
}

int leaf_policy(const LeafPolicy *policy, Draft *draft)
{
        Leaf *leaf = &draft->leaf;

        if (policy->old)
                leaf_set_text(leaf, "old", draft_hex(draft, policy->old, sizeof(Digest)));
        if (policy->new)
                leaf_set_text(leaf, "new", draft_hex(draft, policy->new, sizeof(Digest)));
        if (policy->invariants)
                leaf_set_text(leaf, "invariants", draft_hex(draft, policy->invariants, sizeof(Digest)));
        leaf_set_text(leaf, "result", policy->loaded ? "loaded" : "rejected");
        if (policy->has_wider)
                leaf_set_number(leaf, "wider", policy->wider ? 1 : 0);
        leaf_set_text(leaf, "via", policy->via);
        if (policy->has_by)
                leaf_set_number(leaf, "by", policy->by);
        if (policy->has_loginuid)
                leaf_set_number(leaf, "loginuid", policy->loginuid);
        draft->effect.policy = policy->loaded ? policy->new : NULL;

        Leaf detail = LEAF_INIT;
        leaf_set_text(&detail, "why", draft_base64url(draft, policy->why));
        return draft_set_detail(draft, &detail);
}

void leaf_refused(const RefusedRow *row, Draft *draft)
{
        if (row->has_uid)
                leaf_set_number(&draft->leaf, "uid", row->uid);
        leaf_set_text(&draft->leaf, "why", refused_why_name(row->why));
        leaf_set_number(&draft->leaf, "count", row->count);
}

void leaf_mirror(const LeafMirror *mirror, Draft *draft)
{
        leaf_set_text(&draft->leaf, "to", mirror->to);
        leaf_set_number(&draft->leaf, "lost", mirror->lost);
}

void leaf_jump(const LedgerJump *jump, Draft *draft)
{
        leaf_set_number(&draft->leaf, "from", jump->from_usec);
        leaf_set_number(&draft->leaf, "to", jump->to_usec);
}

void leaf_rebase(const LedgerJump *jump, uid_t by, Draft *draft)
{
        leaf_jump(jump, draft);
        leaf_set_number(&draft->leaf, "by", by);
        draft->effect.rebase = true;
}

int leaf_disclose(const LeafDisclose *disclose, Draft *draft)
{
        const Attestation *attestation = disclose->attestation;
        Leaf detail = LEAF_INIT;

        leaf_set_number(&draft->leaf, "by", attestation->uid);
        leaf_set_number(&draft->leaf, "of", disclose->of);
        leaf_set_text(&detail, "reason", draft_base64url(draft, disclose->reason));
        leaf_set_text(&detail, "unit", attestation->unit);
        if (attestation->has_loginuid)
                leaf_set_number(&detail, "loginuid", attestation->loginuid);
        if (attestation->has_session)
                leaf_set_number(&detail, "session", attestation->session);
        return draft_set_detail(draft, &detail);
}

void leaf_erase(const LeafErase *erase, Draft *draft)
{
        if (erase->has_by)
                leaf_set_number(&draft->leaf, "by", erase->by);
        if (erase->has_of)
                leaf_set_number(&draft->leaf, "of", erase->of);
        leaf_set_number(&draft->leaf, "count", erase->n_leaves);
        draft_erase(draft, erase->leaves, erase->n_leaves);
}

void leaf_gap(const LeafGap *gap, Draft *draft)
{
        leaf_set_number(&draft->leaf, "count", gap->count);
        leaf_set_text(&draft->leaf, "why", gap->why);
        leaf_set_number(&draft->leaf, "since", gap->since_usec);
}

void leaf_epoch(const uint8_t *next, Draft *draft)
{
        leaf_set_text(&draft->leaf, "next", draft_hex(draft, next, NOTE_PUBLIC_KEY_SIZE));
        draft->role = TRAIL_EPOCH;
        draft->effect.ends_epoch = true;
}

void leaf_stop(uint64_t n_open, Draft *draft)
{
        leaf_set_number(&draft->leaf, "open", n_open);
}
