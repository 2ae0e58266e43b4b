/*
 * matchguard.conf, read at start through one table of keys. Owns what it read. Names are looked up in
 * /etc/passwd and /etc/group themselves: the guard asks no name service.
 */

#include "guard/config.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/fd.h"
#include "base/macro.h"
#include "base/text.h"
#include "log/note.h"
#include "policy/accounts.h"
#include "policy/unitfile.h"

enum { CONFIG_ACCOUNTS_MAX = 16 * 1024 * 1024, CONFIG_RATES_MAX = 256 };

static const char config_section[] = "Guard";

/* What reading goes on with. */
typedef struct ConfigReader {
        Config *config;
        Arena *arena;
        Faults *faults;
        const Accounts *accounts;
        const char *origin; /* as of ConfigSource */
} ConfigReader;

typedef struct ConfigKey {
        const char *name;
        bool repeatable;
        /* 0 or -errno; what is wrong with the value becomes a fault. */
        int (*set)(ConfigReader *reader, const UnitEntry *entry);
} ConfigKey;

const char *config_mirror_name(ConfigMirror mirror)
{
        static const char *const names[_CONFIG_MIRROR_MAX] = {
                [CONFIG_MIRROR_YES] = "yes",
                [CONFIG_MIRROR_CHECKPOINTS] = "checkpoints",
                [CONFIG_MIRROR_NO] = "no",
                [CONFIG_MIRROR_REQUIRED] = "required",
        };
        return names[mirror];
}

void config_deinit(Config *config)
{
        free(config->origin);
        free(config->rates);
        *config = CONFIG_INIT;
}

/* ----------------------------------------------------------------------------------------------- the keys */

static int config_set_origin(ConfigReader *reader, const UnitEntry *entry)
{
        if (!note_origin_is_valid(entry->value)) {
                faults_add(reader->faults, unit_entry_place(entry, 0),
                           "\"%s\" cannot name a log; expected 1 to %d printable characters without white "
                           "space, '+', '\"' and '\\'",
                           entry->value, NOTE_ORIGIN_MAX);
                return 0;
        }
        if (reader->origin && strcmp(reader->origin, entry->value) != 0) {
                faults_add(reader->faults, unit_entry_place(entry, 0),
                           "the log is called \"%s\", and a log that has begun keeps its name; take the line "
                           "away, or begin another log",
                           reader->origin);
                return 0;
        }
        reader->config->origin = strdup(entry->value);
        return reader->config->origin ? 0 : -ENOMEM;
}

/* `Ns` or `Nmin` */
static bool config_parse_span(const char *text, uint64_t *ret_usec)
{
        size_t n = strspn(text, "0123456789");
        uint64_t scale = strcmp(text + n, "s") == 0 ? 1 : strcmp(text + n, "min") == 0 ? 60 : 0;
        uint64_t number;

        if (scale == 0 || !text_to_u64(text, n, &number) || number > UINT32_MAX)
                return false;
        *ret_usec = number * scale * CLOCK_USEC_PER_SEC;
        return true;
}

static int config_set_epoch_length(ConfigReader *reader, const UnitEntry *entry)
{
        uint64_t usec;

        if (config_parse_span(entry->value, &usec) && usec > 0 && usec <= CONFIG_EPOCH_LENGTH_USEC_MAX)
                reader->config->epoch_length_usec = usec;
        else
                faults_add(
                        reader->faults, unit_entry_place(entry, 0),
                        "\"%s\" is no length of an epoch; expected a number and s or min, from 1s to 15min",
                        entry->value);
        return 0;
}

static int config_set_kernel_audit(ConfigReader *reader, const UnitEntry *entry)
{
        for (ConfigMirror mirror = CONFIG_MIRROR_YES; mirror < _CONFIG_MIRROR_MAX; mirror++)
                if (strcmp(entry->value, config_mirror_name(mirror)) == 0) {
                        reader->config->kernel_audit = mirror;
                        return 0;
                }
        faults_add(reader->faults, unit_entry_place(entry, 0),
                   "\"%s\" is no way to mirror; expected required, yes, checkpoints or no", entry->value);
        return 0;
}

static int config_set_detail_retention(ConfigReader *reader, const UnitEntry *entry)
{
        if (!text_to_days(entry->value, &reader->config->retention_days))
                faults_add(
                        reader->faults, unit_entry_place(entry, 0),
                        "\"%s\" is no time to keep details; expected a number above 0 and d, w (7 days) or "
                        "mon (30 days), as in 90d, and at most %d days",
                        entry->value, TEXT_DAYS_MAX);
        return 0;
}

static int config_set_log_level(ConfigReader *reader, const UnitEntry *entry)
{
        if (!diag_level_find(entry->value, &reader->config->log_level))
                faults_add(reader->faults, unit_entry_place(entry, 0),
                           "\"%s\" is no level of the log; expected error, warning, notice, info or debug",
                           entry->value);
        return 0;
}

/* `N/s`, `N/min`, `N/h`, `N/d` */
static bool config_parse_rate(const char *text, ConfigRate *rate)
{
        static const struct {
                const char *name;
                uint64_t seconds;
        } units[] = {{"s", 1}, {"min", 60}, {"h", 3600}, {"d", 86400}};
        size_t n = strcspn(text, "/");

        if (text[n] != '/' || !text_to_u64(text, n, &rate->n) || rate->n == 0 || rate->n > 1000000)
                return false;
        for (size_t i = 0; i < ARRAY_SIZE(units); i++)
                if (strcmp(text + n + 1, units[i].name) == 0) {
                        rate->period_usec = units[i].seconds * CLOCK_USEC_PER_SEC;
                        return true;
                }
        return false;
}

static bool config_find_account(ConfigReader *reader, const UnitWord *word, ConfigRate *rate)
{
        const char *name = word->text;

        rate->is_group = *name == '@';
        name += rate->is_group;
        if (account_is_number(name, &rate->id))
                return true;
        AccountKind kind = rate->is_group ? ACCOUNT_GROUP : ACCOUNT_USER;
        if (accounts_find(reader->accounts, kind, name, &rate->id) == 0)
                return true;
        faults_add(reader->faults, word->place, "\"%s\" is no %s here", name, account_kind_name(kind));
        return false;
}

static int config_set_request_rate(ConfigReader *reader, const UnitEntry *entry)
{
        Config *config = reader->config;
        UnitWord *words;
        size_t n;

        int r = unit_entry_words(entry, reader->arena, &words, &n);
        if (r < 0)
                return r;
        ConfigRate rate = {};
        if (n != 2 || config->n_rates == CONFIG_RATES_MAX) {
                faults_add(reader->faults, unit_entry_place(entry, 0),
                           "expected a user or an @group and a rate, at most %d of them", CONFIG_RATES_MAX);
                return 0;
        }
        if (!config_find_account(reader, &words[0], &rate))
                return 0;
        if (!config_parse_rate(words[1].text, &rate)) {
                faults_add(reader->faults, words[1].place,
                           "\"%s\" is no rate; expected a number above 0 and /s, /min, /h or /d",
                           words[1].text);
                return 0;
        }
        ConfigRate *rates = reallocarray(config->rates, config->n_rates + 1, sizeof(*rates));
        if (!rates)
                return -ENOMEM;
        config->rates = rates;
        rates[config->n_rates++] = rate;
        return 0;
}

static const ConfigKey config_keys[] = {
        {"Origin", false, config_set_origin},
        {"EpochLength", false, config_set_epoch_length},
        {"KernelAudit", false, config_set_kernel_audit},
        {"DetailRetention", false, config_set_detail_retention},
        {"LogLevel", false, config_set_log_level},
        {"RequestRate", true, config_set_request_rate},
};

/* ----------------------------------------------------------------------------------------------- the file */

static const ConfigKey *config_find_key(const char *name)
{
        for (size_t i = 0; i < ARRAY_SIZE(config_keys); i++)
                if (strcmp(config_keys[i].name, name) == 0)
                        return &config_keys[i];
        return NULL;
}

static int config_read_entry(ConfigReader *reader, const UnitEntry *entry, uint32_t *seen)
{
        const ConfigKey *key = config_find_key(entry->key);

        if (!key) {
                faults_add(reader->faults, entry->place, "unknown key \"%s\"; see matchguard.conf(5)",
                           entry->key);
                return 0;
        }
        uint32_t bit = UINT32_C(1) << (key - config_keys);
        if (*seen & bit && !key->repeatable) {
                faults_add(reader->faults, entry->place, "\"%s\" stands here twice; expected it once",
                           key->name);
                return 0;
        }
        *seen |= bit;
        return *entry->value ? key->set(reader, entry) : 0;
}

static int config_read_file(ConfigReader *reader, const UnitFile *file)
{
        uint32_t seen = 0;

        for (const UnitSection *section = file->sections; section; section = section->next) {
                if (section->name && strcmp(section->name, config_section) != 0)
                        faults_add(reader->faults, section->place, "unknown section \"%s\"; expected [%s]",
                                   section->name, config_section);
                if (!section->name || strcmp(section->name, config_section) != 0)
                        continue;
                for (const UnitEntry *entry = section->entries; entry; entry = entry->next) {
                        int r = config_read_entry(reader, entry, &seen);
                        if (r < 0)
                                return r;
                }
        }
        return 0;
}

static int config_open_accounts(const ConfigSource *source, const char *path, Buffer *buffer)
{
        if (!source->open_accounts)
                return fd_read_file(AT_FDCWD, path, CONFIG_ACCOUNTS_MAX, buffer);
        _cleanup_(fd_closep) int fd = source->open_accounts(path, source->userdata);
        return fd < 0 ? fd : fd_read_open(fd, CONFIG_ACCOUNTS_MAX, buffer);
}

/* A file of accounts; one that cannot be read has none. */
static AccountFile config_read_accounts(const ConfigSource *source, const char *path, Buffer *buffer)
{
        int r = config_open_accounts(source, path, buffer);

        return (AccountFile){.path = path, .bytes = buffer_text(buffer), .n = buffer->n, .error = r};
}

int config_account(const char *name, uid_t *ret_uid)
{
        _cleanup_(buffer_deinit) Buffer users = BUFFER_INIT;
        const ConfigSource plain = {};
        Accounts accounts = {.users = config_read_accounts(&plain, "/etc/passwd", &users)};

        if (accounts.users.error < 0)
                return accounts.users.error;
        return accounts_find(&accounts, ACCOUNT_USER, name, ret_uid) == 0 ? 0 : -ENOENT;
}

static int config_parse(const ConfigSource *source_of, const Buffer *text, Config *config, Faults *faults)
{
        _cleanup_(buffer_deinit) Buffer users = BUFFER_INIT;
        _cleanup_(buffer_deinit) Buffer groups = BUFFER_INIT;
        _cleanup_(arena_deinit) Arena arena = ARENA_INIT;
        Accounts accounts = {.users = config_read_accounts(source_of, "/etc/passwd", &users),
                             .groups = config_read_accounts(source_of, "/etc/group", &groups)};
        ConfigReader reader = {.config = config,
                               .arena = &arena,
                               .faults = faults,
                               .accounts = &accounts,
                               .origin = source_of->origin};
        UnitSource source = {.file = source_of->path, .bytes = text->data, .n = text->n};
        UnitFile file;

        int r = unitfile_parse(&file, &arena, &source, faults);
        if (r != 0)
                return r < 0 ? r : 0;
        return config_read_file(&reader, &file);
}

int config_load(const ConfigSource *source, Config *ret_config, PolicyFaults *ret_faults)
{
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
        _cleanup_(config_deinit) Config config = CONFIG_INIT;
        _cleanup_(faults_deinit) Faults faults = FAULTS_INIT;

        int r = fd_read_file(AT_FDCWD, source->path, UNITFILE_SIZE_MAX, &text);
        if (r < 0 && r != -ENOENT)
                return r;
        if (r == 0) {
                r = config_parse(source, &text, &config, &faults);
                if (r < 0)
                        return r;
        }
        if (faults_any(&faults)) {
                r = faults_take(&faults, ret_faults);
                return r < 0 ? r : CONFIG_E_INVALID;
        }
        *ret_config = config;
        config = CONFIG_INIT;
        return 0;
}

const ConfigRate *config_rate(const Config *config, const Attestation *attestation)
{
        const ConfigRate *found = NULL;

        for (size_t i = 0; i < config->n_rates; i++) {
                const ConfigRate *rate = &config->rates[i];
                if (!rate->is_group && rate->id == attestation->uid)
                        return rate;
                for (size_t k = 0; rate->is_group && !found && k < attestation->n_groups; k++)
                        if (attestation->groups[k] == rate->id)
                                found = rate;
        }
        return found;
}
