/*
 * What a policy in force answers about itself. Owns the count of its references; everything else was built by
 * policy/compile.c and never changes.
 */

#include "policy/policy.h"

#include <stdlib.h>
#include <string.h>

#include "policy/match.h"
#include "policy/model.h"

const char *const policy_default_dirs[3] = {
        "/etc/matchguard/policy.d",
        "/run/matchguard/policy.d",
        POLICYDIR,
};

Policy *policy_ref(Policy *policy)
{
        atomic_fetch_add_explicit(&policy->n_references, 1, memory_order_relaxed);
        return policy;
}

Policy *policy_unref(Policy *policy)
{
        if (!policy || atomic_fetch_sub_explicit(&policy->n_references, 1, memory_order_acq_rel) > 1)
                return NULL;
        arena_deinit(&policy->arena);
        free(policy);
        return NULL;
}

static int policy_compare_name(const void *name, const void *object)
{
        return strcmp(name, ((const Object *)object)->name);
}

int policy_find(const Policy *policy, ObjectType type, const char *name)
{
        const ObjectTable *table = &policy->objects[type];
        const Object *found =
                table->n > 0 ? bsearch(name, table->items, table->n, sizeof(Object), policy_compare_name)
                             : NULL;

        return found ? (int)(found - table->items) : -1;
}

const Digest *policy_digest(const Policy *policy)
{
        return &policy->digest;
}

const Digest *policy_invariants_digest(const Policy *policy)
{
        return &policy->invariants_digest;
}

const PolicyText *policy_texts(const Policy *policy, size_t *ret_n)
{
        *ret_n = policy->n_texts;
        return policy->texts;
}

const PolicyFile *policy_files(const Policy *policy, size_t *ret_n)
{
        *ret_n = policy->n_files;
        return policy->files;
}

const PolicyGallery *policy_gallery(const Policy *policy, const char *name)
{
        int place = policy_find(policy, OBJECT_GALLERY, name);

        return place < 0 ? NULL : &policy->galleries[place];
}

const uint32_t *policy_groups(const Policy *policy, size_t *ret_n)
{
        *ret_n = policy->n_groups;
        return policy->groups;
}

bool policy_mentions_group(const Policy *policy, gid_t gid)
{
        size_t low = 0, high = policy->n_groups;

        while (low < high) {
                size_t middle = low + (high - low) / 2;
                if (policy->groups[middle] == gid)
                        return true;
                if (policy->groups[middle] < gid)
                        low = middle + 1;
                else
                        high = middle;
        }
        return false;
}

static bool policy_mentions_user(const Policy *policy, uid_t uid)
{
        for (size_t i = 0; i < policy->objects[OBJECT_ORGANISATION].n; i++)
                for (size_t j = 0; j < policy->organisations[i].n_peers; j++) {
                        const PeerRule *peer = &policy->organisations[i].peers[j];
                        for (size_t k = 0; k < peer->n_users; k++)
                                if (peer->users[k] == uid)
                                        return true;
                }
        return false;
}

bool policy_knows(const Policy *policy, const Peer *peer)
{
        for (size_t i = 0; i < peer->n_groups; i++)
                if (policy_mentions_group(policy, peer->groups[i]))
                        return true;
        return policy_mentions_user(policy, peer->uid);
}

const char *policy_whoami(const Policy *policy, const Facts *facts, const char *const **ret_classes,
                          size_t *ret_n)
{
        Question question;
        question_init(&question, policy, facts);
        if (question_identify(&question) != REASON_NONE)
                return NULL;
        const Organisation *organisation = &policy->organisations[question.asker];
        *ret_classes = organisation->class_names;
        *ret_n = organisation->n_class_names;
        return organisation->name;
}

uint64_t policy_rate_window_usec(const Policy *policy, const char *allow)
{
        int place = policy_find(policy, OBJECT_ALLOW, allow);

        return place < 0 ? 0 : policy->allows[place].window_usec;
}

uint64_t policy_longest_window_usec(const Policy *policy)
{
        return policy->longest_window_usec;
}
