/*
 * The lists as a filter of libseccomp.
 */

#include <errno.h>
#include <signal.h>
#include <unistd.h>

#include "base/sandbox-layers.h"

enum {
        /* set_mempolicy_home_node(2) of Linux 5.17: the newest call that the lists were made with in mind. From 424
         * on a number means the same on every machine. */
        SECCOMP_NEWEST = 450,
        SECCOMP_FUTURE = 200, /* Linux gets five calls or so in a year */
        SECCOMP_SKIPPED = -1, /* the number of a call that a tracer took away */
};

typedef struct FilterRule {
        uint32_t action;
        const SandboxCall *call;
} FilterRule;

static int filter_add(scmp_filter_ctx filter, const FilterRule *rule)
{
        const SandboxCall *call = rule->call;

        return seccomp_rule_add_array(filter, rule->action, call->number, call->n_compares, call->compares);
}

static int filter_add_list(scmp_filter_ctx filter, const SandboxGroup *list)
{
        int r = 0;

        for (const SandboxGroup *group = list; group->reason && r == 0; group++)
                for (const SandboxCall *call = group->calls; call->name && r == 0; call++)
                        r = filter_add(filter,
                                       &(FilterRule){group->missing ? SCMP_ACT_ERRNO(ENOSYS) : SCMP_ACT_ALLOW,
                                                     call});
        return r;
}

/* abort(3), to which assertions and the stack protector lead. The children of a process have numbers of their own, and
 * a filter of their own in which only that stands. */
static int filter_add_abort(scmp_filter_ctx filter, bool forks)
{
        SandboxCall self = SANDBOX_CALL_IF(tgkill, 2, SIGABRT);

        if (!forks)
                self.compares[self.n_compares++] = SCMP_A0(SCMP_CMP_EQ, (scmp_datum_t)getpid());
        return filter_add(filter, &(FilterRule){SCMP_ACT_ALLOW, &self});
}

/* Calls of the future, which a later C library may try first. */
static int filter_add_future(scmp_filter_ctx filter)
{
        int r = 0;

        for (int i = 1; i <= SECCOMP_FUTURE && r == 0; i++) {
                const SandboxCall call = {.number = SECCOMP_NEWEST + i};
                r = filter_add(filter, &(FilterRule){SCMP_ACT_ERRNO(ENOSYS), &call});
        }
        return r;
}

static int filter_fill(scmp_filter_ctx filter, const Sandbox *sandbox)
{
        const SandboxCall skipped = {.number = SECCOMP_SKIPPED};
        int r = filter_add_list(filter, sandbox_common);

        for (size_t i = 0; i < SANDBOX_LISTS_MAX && sandbox->lists[i] && r == 0; i++)
                r = filter_add_list(filter, sandbox->lists[i]);
        if (r == 0)
                r = filter_add_abort(filter, sandbox->forks);
        if (r == 0)
                r = filter_add(filter, &(FilterRule){SCMP_ACT_ALLOW, &skipped});
        return r == 0 ? filter_add_future(filter) : r;
}

static int filter_set_up(scmp_filter_ctx filter)
{
        static const struct {
                enum scmp_filter_attr attribute;
                uint32_t value;
        } attributes[] = {
                {SCMP_FLTATR_ACT_BADARCH, SCMP_ACT_KILL_PROCESS},
                {SCMP_FLTATR_CTL_TSYNC, 1},    /* all threads, whenever they were made */
                {SCMP_FLTATR_API_TSKIP, 1},    /* SECCOMP_SKIPPED may stand in a rule */
                {SCMP_FLTATR_CTL_OPTIMIZE, 2}, /* a binary tree */
                {SCMP_FLTATR_API_SYSRAWRC, 1}, /* the kernel's own errors */
        };
        int r = 0;

        for (size_t i = 0; i < sizeof(attributes) / sizeof(attributes[0]) && r == 0; i++)
                r = seccomp_attr_set(filter, attributes[i].attribute, attributes[i].value);
        return r;
}

int seccomp_enter(const Sandbox *sandbox, SandboxRemarks *remarks)
{
        scmp_filter_ctx filter = seccomp_init(sandbox->log ? SCMP_ACT_LOG : SCMP_ACT_KILL_PROCESS);
        if (!filter)
                return -ENOMEM;
        int r = filter_set_up(filter);
        if (r == 0)
                r = filter_fill(filter, sandbox);
        if (r == 0)
                r = seccomp_load(filter);
        seccomp_release(filter);
        if (r == 0 && sandbox->log)
                remarks->warning =
                        "--log-seccomp: system calls that are not in the list are made and logged by the "
                        "kernel, and end nothing";
        return r;
}
