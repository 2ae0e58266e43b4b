/*
 * The leaf of a request. Personal parts go into the detail, to which the leaf only commits. Pure; run by the
 * guard's loop.
 *
 * detail: `authorisation`, `case`, `operator`, `subjects` (those asked for), each base64url; `probe`, SHA-256
 * over the templates, one after another; `session`, the audit session.
 */

#include "guard/leaves.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/text.h"
#include "wire/job.h"

/* Digits of a gid, and a NUL. */
enum { LEAF_GROUP_SIZE = 11 };

/* The caller's groups that the policy mentions: no others can have mattered. */
static const char *request_groups(const LeafRequest *request, Draft *draft)
{
        const Attestation *attestation = request->attestation;
        size_t n = 0;

        if (attestation->n_groups == 0)
                return NULL;
        _cleanup_(freep) char(*texts)[LEAF_GROUP_SIZE] = calloc(attestation->n_groups, sizeof(*texts));
        _cleanup_(freep) const char **items = calloc(attestation->n_groups, sizeof(*items));
        if (!texts || !items) {
                draft->failed = true;
                return NULL;
        }
        for (size_t i = 0; i < attestation->n_groups; i++) {
                if (!policy_mentions_group(request->policy, attestation->groups[i]))
                        continue;
                snprintf(texts[n], sizeof(texts[n]), "%u", attestation->groups[i]);
                items[n] = texts[n];
                n++;
        }
        return draft_list(draft, items, n);
}

static void request_caller(const LeafRequest *request, Draft *draft)
{
        const Attestation *attestation = request->attestation;
        Leaf *leaf = &draft->leaf;

        leaf_set_number(leaf, "uid", attestation->uid);
        leaf_set_text(leaf, "groups", request_groups(request, draft));
        if (attestation->pid > 0)
                leaf_set_number(leaf, "pid", (uint64_t)attestation->pid);
        if (attestation->has_loginuid)
                leaf_set_number(leaf, "loginuid", attestation->loginuid);
        leaf_set_text(leaf, "unit", attestation->unit);
        leaf_set_text(leaf, "label", attestation->label);
        leaf_set_text(leaf, "identity", attest_identity_name(attestation->identity));
        leaf_set_text(leaf, "organisation", request->decision->organisation);
}

/* Which of the three personal texts were given. */
static const char *request_given(const Facts *facts, Draft *draft)
{
        const struct {
                const char *name;
                const char *value;
        } texts[] = {{"authorisation", facts->authorisation}, {"case", facts->case_reference},
                     {
                             "operator",
                             facts->operator},
        };
        const char *given[ARRAY_SIZE(texts)];
        size_t n = 0;

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                if (texts[i].value && *texts[i].value)
                        given[n++] = texts[i].name;
        return draft_list(draft, given, n);
}

static void request_asked(const LeafRequest *request, Draft *draft)
{
        const Facts *facts = request->facts;
        Leaf *leaf = &draft->leaf;

        leaf_set_text(leaf, "operation", facts->operation);
        leaf_set_text(leaf, "gallery", facts->gallery);
        leaf_set_text(leaf, "purpose", facts->purpose);
        leaf_set_text(leaf, "sought", facts->sought);
        leaf_set_text(leaf, "behalf", draft_list(draft, facts->on_behalf_of, facts->n_on_behalf_of));
        leaf_set_text(leaf, "recipients", draft_list(draft, facts->recipients, facts->n_recipients));
        leaf_set_text(leaf, "probe", facts->probe);
        leaf_set_text(leaf, "given", request_given(facts, draft));
        if (facts->has_floor)
                leaf_set_number(leaf, "asked-floor", leaves_floor(facts->floor_millionths));
        if (facts->has_limit)
                leaf_set_number(leaf, "asked-limit", facts->limit);
        if (facts->has_mark)
                leaf_set_number(leaf, "mark", facts->mark_usec);
}

static void request_decided(const LeafRequest *request, Draft *draft)
{
        const Decision *decision = request->decision;
        Leaf *leaf = &draft->leaf;

        leaf_set_text(leaf, "verdict", decision->permit ? "permit" : "deny");
        leaf_set_text(leaf, "reason", decision->permit ? NULL : reason_name(decision->reason));
        leaf_set_text(leaf, "rule", decision_rule(decision));
        leaf_set_text(leaf, "moratoria", draft_list(draft, decision->moratoria, decision->n_moratoria));
        leaf_set_text(leaf, "policy", draft_hex(draft, policy_digest(request->policy), sizeof(Digest)));
}

static void request_gallery(const LeafRequest *request, Draft *draft)
{
        Leaf *leaf = &draft->leaf;

        if (!request->facts->gallery) {
                JobReader reader = job_read(request->job, request->n_job);
                JobEntry probe;
                if (job_next(&reader, &probe))
                        leaf_set_text(leaf, "model", probe.model);
                return;
        }
        const PolicyGallery *gallery = policy_gallery(request->policy, request->facts->gallery);
        if (!gallery)
                return;
        leaf_set_text(leaf, "model", gallery->model);
        leaf_set_number(leaf, "dimension", gallery->dimension);
        leaf_set_text(leaf, "gallery-kind", gallery->kind == GALLERY_EVENT ? "event" : "consolidated");
        if (gallery->maximum_templates > 0)
                leaf_set_number(leaf, "gallery-maximum", gallery->maximum_templates);
}

/* What the worker will run, all of it and nothing else. */
static void request_permitted(const LeafRequest *request, Draft *draft)
{
        const Decision *decision = request->decision;
        Leaf *leaf = &draft->leaf;

        if (decision->has_floor)
                leaf_set_number(leaf, "floor", leaves_floor(decision->floor_millionths));
        if (decision->has_limit)
                leaf_set_number(leaf, "limit", decision->limit);
        leaf_set_text(leaf, "release", release_name(decision->release));
        request_gallery(request, draft);
        leaf_set_text(leaf, "worker", request->worker);

        char *commitment = malloc(COMMITMENT_TEXT_SIZE);
        if (commitment)
                commitment_of(COMMITMENT_JOB, request->job_salt, request->job, request->n_job, commitment);
        leaf_set_text(leaf, "job", draft_own(draft, commitment));
}

/* The subjects that the job names, each base64url, as a list. */
static const char *request_subjects(const LeafRequest *request, size_t n_entries, Draft *draft)
{
        _cleanup_(freep) const char **items = calloc(n_entries, sizeof(*items));
        _cleanup_(freep) char *texts = malloc(n_entries * LEAVES_SUBJECT_SIZE);
        JobReader reader = job_read(request->job, request->n_job);
        JobEntry entry;
        size_t n = 0;

        if (!items || !texts) {
                draft->failed = true;
                return NULL;
        }
        while (n < n_entries && job_next(&reader, &entry)) {
                if (!*entry.subject)
                        continue;
                char *text = texts + n * LEAVES_SUBJECT_SIZE;
                (void)text_base64url(entry.subject, strlen(entry.subject), text);
                items[n++] = text;
        }
        return draft_list(draft, items, n);
}

/* SHA-256 over the job's templates; NULL where there is none. */
static const char *request_probe(const LeafRequest *request, size_t *ret_n_entries, Draft *draft)
{
        JobReader reader = job_read(request->job, request->n_job);
        DigestStream *stream = digest_stream_new();
        size_t n_bytes = 0;
        JobEntry entry;

        for (*ret_n_entries = 0; job_next(&reader, &entry); (*ret_n_entries)++) {
                digest_stream_add(stream, entry.vector, entry.n_vector);
                n_bytes += entry.n_vector;
        }
        Digest digest;
        digest_stream_finish(stream, &digest);
        digest_stream_free(stream);
        return n_bytes > 0 ? draft_hex(draft, &digest, sizeof(digest)) : NULL;
}

static int request_detail(const LeafRequest *request, Draft *draft)
{
        const Facts *facts = request->facts;
        Leaf detail = LEAF_INIT;
        size_t n_entries;

        leaf_set_text(&detail, "authorisation", draft_base64url(draft, facts->authorisation));
        leaf_set_text(&detail, "case", draft_base64url(draft, facts->case_reference));
        leaf_set_text(&detail, "operator", draft_base64url(draft, facts->operator));
        leaf_set_text(&detail, "probe", request_probe(request, &n_entries, draft));
        leaf_set_text(&detail, "subjects", request_subjects(request, n_entries, draft));
        if (request->attestation->has_session)
                leaf_set_number(&detail, "session", request->attestation->session);
        return draft_set_detail(draft, &detail);
}

int leaf_request(const LeafRequest *request, Draft *draft)
{
        draft->role = request->decision->permit ? TRAIL_PERMIT : TRAIL_DENY;
        draft->wants_path = request->decision->permit;

        leaf_set_text(&draft->leaf, "request", draft_hex(draft, request->request, MESSAGE_REQUEST_SIZE));
        request_caller(request, draft);
        request_asked(request, draft);
        request_decided(request, draft);
        if (request->decision->permit)
                request_permitted(request, draft);
        return request_detail(request, draft);
}
