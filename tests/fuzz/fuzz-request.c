/*
 * A leaf as a verifier reads it, from any bytes: what is taken for a request is one that could have been asked,
 * its lists are those of the leaf, and a policy that knows nobody denies it.
 */

#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "tools/decided-keys.h"
#include "tools/leaf-entry.h"
#include "tools/leaf-form.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

static void need(bool condition)
{
        if (!condition)
                abort();
}

/* A list that was taken apart, joined again. */
static void check_list(const RequestLeaf *request, RequestKey key, const char *const *words, size_t n)
{
        _cleanup_(buffer_deinit) Buffer joined = BUFFER_INIT;
        const char *text = request_leaf_text(request, key);

        for (size_t i = 0; i < n; i++)
                buffer_append_format(&joined, "%s%s", i > 0 ? " " : "", words[i]);
        need(strcmp(text ? text : "", n > 0 ? buffer_text(&joined) : "") == 0);
}

static void check_request(const RequestLeaf *request)
{
        static Policy *policy; /* one for all inputs */
        _cleanup_(key_differences_deinit) KeyDifferences differences = KEY_DIFFERENCES_INIT;
        _cleanup_(decision_deinit) Decision decision = DECISION_INIT;
        _cleanup_(buffer_deinit) Buffer words = BUFFER_INIT;
        const Facts *facts = &request->facts;

        if (!policy)
                need(policy_none(&policy) == 0);
        const Remade remade = {policy, "", facts, &decision};
        need(!facts_check(facts));
        check_list(request, REQUEST_BEHALF, facts->on_behalf_of, facts->n_on_behalf_of);
        check_list(request, REQUEST_RECIPIENTS, facts->recipients, facts->n_recipients);
        need(policy_decide(policy, facts, &decision) == 0 && !decision.permit);
        need(decided_keys_compare(request, &remade, &differences) == 0);
        key_differences_words(&differences, &words);
        /* No policy has an empty digest. */
        need(differences.n > 0 && differences.n <= _REQUEST_KEY_MAX && words.n > 0);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
        static RequestLeaf request;
        LeafEntry entry;

        if (leaf_entry_read(0, data, n, &entry) != 0)
                return 0;
        (void)leaf_form_fault(&entry); /* whatever it says of these bytes */
        if (!request_leaf_read(&entry.leaf, &request))
                check_request(&request);
        leaf_entry_deinit(&entry);
        return 0;
}
