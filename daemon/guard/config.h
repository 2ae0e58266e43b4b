#pragma once
/*
 * Config: matchguard.conf, which says how the service runs. Nothing in it changes a decision: that is
 * policy's.
 *
 *   [Guard]
 *   Origin=NAME                 the log's name
 *   EpochLength=N s|min         how long an epoch of the log may last, at most 15 min
 *   KernelAudit=required|yes|checkpoints|no
 *   DetailRetention=SPAN        how long details are kept: a number and d, w or mon; not given: until erased
 *   LogLevel=error|warning|notice|info|debug
 *   RequestRate=WHOM N/UNIT     any number of times; WHOM is a user, or a group after an @, by name or number;
 *                               UNIT is s, min, h or d. N tokens come in a unit and N are saved.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/diag.h"
#include "guard/attest.h"
#include "policy/policy.h"

typedef enum ConfigMirror {
        CONFIG_MIRROR_YES,
        CONFIG_MIRROR_CHECKPOINTS,
        CONFIG_MIRROR_NO,
        CONFIG_MIRROR_REQUIRED, /* no permit without the kernel's own record of it */
        _CONFIG_MIRROR_MAX,
} ConfigMirror;

/** config_mirror_name() - "yes", "checkpoints", "no", "required". */
const char *config_mirror_name(ConfigMirror mirror);

typedef struct ConfigRate {
        bool is_group;
        uint32_t id;
        uint64_t n;
        uint64_t period_usec;
} ConfigRate;

typedef struct Config {
        char *origin; /* NULL: the trail's own choice */
        uint64_t epoch_length_usec;
        ConfigMirror kernel_audit;
        uint64_t retention_days; /* 0: details are kept */
        DiagLevel log_level;
        ConfigRate *rates;
        size_t n_rates;
} Config;

#define CONFIG_EPOCH_LENGTH_USEC_MAX (15 * 60 * CLOCK_USEC_PER_SEC)

#define CONFIG_INIT ((Config){.epoch_length_usec = CONFIG_EPOCH_LENGTH_USEC_MAX, .log_level = DIAG_INFO})

void config_deinit(Config *config);

enum {
        CONFIG_E_INVALID = 1, /* the faults say why */
};

/* Where it is read from. */
typedef struct ConfigSource {
        const char *path;
        const char
                *origin; /* the name of the log that has begun: another Origin= is a fault; NULL: not known */
        /* How passwd(5) and group(5) are opened, as of PolicySource; NULL: as any file. */
        int (*open_accounts)(const char *path, void *userdata);
        void *userdata;
} ConfigSource;

/**
 * config_load() - Reads the file; one that does not exist is an empty one.
 * @source:     borrowed
 * @ret_config: to be given to config_deinit(); untouched on failure
 * @ret_faults: set on CONFIG_E_INVALID, to be given to policy_faults_deinit()
 *
 * Return: 0, CONFIG_E_INVALID, or -errno.
 */
int config_load(const ConfigSource *source, Config *ret_config, PolicyFaults *ret_faults);

/**
 * config_rate() - The rate of a caller: its user's, else the first group's that has one; NULL: none is set.
 */
const ConfigRate *config_rate(const Config *config, const Attestation *attestation);

/** config_account() - The uid of an account in /etc/passwd. Return: 0, -ENOENT, or another -errno. */
int config_account(const char *name, uid_t *ret_uid);
