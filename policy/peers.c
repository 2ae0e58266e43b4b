/*
 * [Peer] sections: names of accounts become numbers here, and every name that was looked up is noted, because
 * the decision depends on it.
 */

#include <errno.h>
#include <string.h>

#include "base/macro.h"
#include "policy/build.h"

static int peer_note_account(Build *build, AccountKind kind, const char *name, uint32_t id)
{
        _cleanup_(buffer_deinit) Buffer line = BUFFER_INIT;

        buffer_append_format(&line, "%s %s %u\n", account_kind_name(kind), name, id);
        if (line.failed)
                return -ENOMEM;
        build->ids[build->n_ids] = arena_copy(build->arena, line.data, line.n);
        return build->ids[build->n_ids++] ? 0 : -ENOMEM;
}

static void peer_fault_account(Build *build, AccountKind kind, const UnitWord *word, int r)
{
        const AccountFile *file = accounts_file(build->accounts, kind);

        if (r == ACCOUNTS_E_UNREADABLE)
                faults_add(build->faults, word->place,
                           "%s '%s' cannot be looked up: %s: %s; expected a number", account_kind_name(kind),
                           word->text, file->path, strerror(-file->error));
        else if (word->text[strspn(word->text, "0123456789")] == 0)
                faults_add(build->faults, word->place,
                           "bad number '%s' of a %s; expected 0 to %u, without leading zeros", word->text,
                           account_kind_name(kind), ACCOUNT_ID_MAX);
        else
                faults_add(build->faults, word->place, "unknown %s '%s'; expected a name in %s, or a number",
                           account_kind_name(kind), word->text, file->path);
}

static int peer_accounts(Build *build, AccountKind kind, const Value *value, uint32_t **ret_ids,
                         size_t *ret_n)
{
        size_t n = 0;

        if (!value || value->faulty)
                return 0;
        uint32_t *ids = arena_new(build->arena, value->n_words, sizeof(uint32_t));
        if (!ids)
                return -ENOMEM;
        for (size_t i = 0; i < value->n_words; i++) {
                const UnitWord *word = &value->words[i];
                if (account_is_number(word->text, &ids[n])) {
                        n++;
                        continue;
                }
                int r = accounts_find(build->accounts, kind, word->text, &ids[n]);
                if (r != 0) {
                        peer_fault_account(build, kind, word, r);
                        continue;
                }
                r = peer_note_account(build, kind, word->text, ids[n++]);
                if (r < 0)
                        return r;
        }
        *ret_ids = ids;
        *ret_n = n;
        return 0;
}

static int build_peer(Build *build, const Object *object, const Section *section, PeerRule *peer)
{
        const Value *users = section->values[KEY_USER], *groups = section->values[KEY_GROUP];
        const Value *units = section->values[KEY_UNIT], *label = section->values[KEY_SECURITY_LABEL];

        if (!users && !groups)
                faults_add(build->faults, section->place,
                           "[Peer] without 'User' and 'Group'; expected one of them: a unit or a label "
                           "alone never identifies%s",
                           strcmp(section->place.file, object->place.file) == 0
                                   ? ""
                                   : ", and a [Peer] in a drop-in is one more");
        int r = peer_accounts(build, ACCOUNT_USER, users, &peer->users, &peer->n_users);
        if (r == 0)
                r = peer_accounts(build, ACCOUNT_GROUP, groups, &peer->groups, &peer->n_groups);
        if (units) {
                peer->units = units->words;
                peer->n_units = units->n_words;
        }
        peer->label = label ? label->text : NULL;
        return r;
}

int build_peers(Build *build, const Object *object, Organisation *organisation)
{
        for (const Section *section = object->peers; section; section = section->next)
                organisation->n_peers++;
        organisation->peers = arena_new(build->arena, organisation->n_peers, sizeof(PeerRule));
        if (!organisation->peers)
                return -ENOMEM;

        PeerRule *peer = organisation->peers;
        for (const Section *section = object->peers; section; section = section->next) {
                int r = build_peer(build, object, section, peer++);
                if (r < 0)
                        return r;
        }
        return 0;
}
