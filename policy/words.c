/*
 * Words. Pure; failure sticks in the buffer that is written to.
 */

#include "policy/words.h"

#include "policy/match.h"

void words_time(int64_t usec, Buffer *text)
{
        char written[TIME_TEXT_SIZE];

        time_format(usec, written);
        buffer_append_text(text, written);
}

void words_separate(const char *separator, size_t start, Buffer *text)
{
        if (text->n > start)
                buffer_append_text(text, separator);
}

void words_list(const Value *value, Buffer *text)
{
        const size_t start = text->n;

        for (size_t i = 0; i < value->n_words; i++) {
                words_separate(", ", start, text);
                buffer_append_text(text, value->words[i].text);
        }
}

void words_vocabulary(const Vocabulary *vocabulary, uint32_t mask, const char *none, Buffer *text)
{
        if (mask != 0)
                vocabulary_list(vocabulary, mask, ", ", text);
        else
                buffer_append_text(text, none);
}

void words_set(const Terms *terms, const uint64_t *set, size_t except, Buffer *text)
{
        const size_t start = text->n;

        for (size_t i = 0; i < terms->n; i++)
                if (i != except && bits_has(set, i)) {
                        words_separate(", ", start, text);
                        buffer_append_text(text, terms->items[i].name);
                }
}

void words_term(const Terms *terms, size_t place, Buffer *text)
{
        const char *separator = ", within ";

        buffer_append_text(text, terms->items[place].name);
        for (int at = terms->items[place].parent; at >= 0; at = terms->items[at].parent) {
                buffer_append_format(text, "%s%s", separator, terms->items[at].name);
                separator = ", ";
        }
}

void words_may_be(const Policy *policy, Party party, const uint64_t *classes, Buffer *text)
{
        const size_t start = text->n;

        for (size_t i = 0; i < policy->classes.n; i++) {
                uint64_t one[BITS_WORDS_MAX] = {};
                if (!bits_has(classes, i))
                        continue;
                bits_add(one, i);
                if (!party_may_be_of(policy, party, one))
                        continue;
                words_separate(", ", start, text);
                buffer_append_text(text, policy->classes.items[i].name);
        }
}

void words_party(const Policy *policy, Party party, Buffer *text)
{
        if (party.is_class) {
                buffer_append_text(text, "the class ");
                words_term(&policy->classes, party.place, text);
                return;
        }
        const Organisation *organisation = &policy->organisations[party.place];
        buffer_append_format(text, "%s (", organisation->name);
        for (size_t i = 0; i < organisation->n_class_names; i++)
                buffer_append_format(text, "%s%s", i > 0 ? ", " : "", organisation->class_names[i]);
        buffer_append_text(text, ")");
}
