/*
 * A caller against one [Peer], in words: a row for each key that is given there. Whether a key holds is said
 * by peer_unmet().
 */

#include <stdio.h>
#include <string.h>

#include "policy/explainer.h"
#include "policy/words.h"

void explain_caller(const Peer *peer, PeerUnmet key, Buffer *text)
{
        switch (key) {
        case PEER_USER:
                buffer_append_format(text, "uid %u", peer->uid);
                return;
        case PEER_GROUP:
                buffer_append_text(text, peer->n_groups > 0 ? "groups" : "no groups");
                for (size_t i = 0; i < peer->n_groups; i++)
                        buffer_append_format(text, "%s%u", i > 0 ? ", " : " ", peer->groups[i]);
                return;
        case PEER_UNIT:
                buffer_append_format(text, peer->unit ? "unit %s" : "no unit", peer->unit);
                return;
        case PEER_SECURITY_LABEL:
                buffer_append_format(text, peer->label ? "label %s" : "no label", peer->label);
                return;
        case _PEER_UNMET_MAX:
                return;
        }
}

/* Names of accounts with what they were looked up as. */
static void words_accounts(const Value *value, const uint32_t *ids, Buffer *text)
{
        for (size_t i = 0; i < value->n_words; i++) {
                char number[16];
                (void)snprintf(number, sizeof(number), "%u", ids[i]); /* ten digits at most */
                buffer_append_format(text, "%s%s", i > 0 ? ", " : "", value->words[i].text);
                if (strcmp(number, value->words[i].text) != 0)
                        buffer_append_format(text, " (%s)", number);
        }
}

static void words_peer(const PeerRule *peer, const Value *value, Buffer *text)
{
        if (value->spec->id == KEY_USER)
                words_accounts(value, peer->users, text);
        else if (value->spec->id == KEY_GROUP)
                words_accounts(value, peer->groups, text);
        else if (value->text)
                buffer_append_text(text, value->text);
        else
                words_list(value, text);
}

static const KeyId peer_keys[_PEER_UNMET_MAX] = {
        [PEER_USER] = KEY_USER,
        [PEER_GROUP] = KEY_GROUP,
        [PEER_UNIT] = KEY_UNIT,
        [PEER_SECURITY_LABEL] = KEY_SECURITY_LABEL,
};

/* BIT(PeerUnmet) for each key that a [Peer] has. */
static uint32_t peer_given(const Section *section)
{
        uint32_t given = 0;

        for (PeerUnmet key = 0; key < _PEER_UNMET_MAX; key++)
                if (section->values[peer_keys[key]])
                        given |= BIT(key);
        return given;
}

bool explain_peer(Explainer *explainer, const PeerRule *peer, const Section *section, ExplainedRule *ret_rule)
{
        const Peer *caller = &explainer->question->facts->peer;
        const uint32_t unmet = peer_unmet(peer, caller), given = peer_given(section);

        if ((given & ~unmet) == 0)
                return false;
        *ret_rule = (ExplainedRule){.name = "", .place = section->place, .met = unmet == 0};
        ret_rule->conditions = explainer_new(explainer, _PEER_UNMET_MAX, sizeof(ExplainedCondition));
        for (PeerUnmet key = 0; key < _PEER_UNMET_MAX && ret_rule->conditions; key++) {
                const Value *value = section->values[peer_keys[key]];
                Buffer asked = BUFFER_INIT, rule = BUFFER_INIT;
                if (!value)
                        continue;
                explain_caller(caller, key, &asked);
                words_peer(peer, value, &rule);
                ret_rule->conditions[ret_rule->n_conditions++] = (ExplainedCondition){
                        .name = value->spec->name,
                        .met = !(unmet & BIT(key)),
                        .asked = explainer_keep(explainer, &asked),
                        .rule = explainer_keep(explainer, &rule),
                        .place = value->place,
                };
        }
        return true;
}
