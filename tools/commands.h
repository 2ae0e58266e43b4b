#pragma once
/* The table of commands, ended by one without a name, and what its rows run. */

#include "tools/command.h"

extern const Command commands[];

int run_status(const Command *command, int argc, char **argv);
int run_whoami(const Command *command, int argc, char **argv);
int run_identify(const Command *command, int argc, char **argv);
int run_verify(const Command *command, int argc, char **argv);
int run_compare(const Command *command, int argc, char **argv);
int run_enrol(const Command *command, int argc, char **argv);
int run_remove(const Command *command, int argc, char **argv);
int run_list(const Command *command, int argc, char **argv);
int run_log_level(const Command *command, int argc, char **argv);
int run_rebase(const Command *command, int argc, char **argv);
int run_reload(const Command *command, int argc, char **argv);
int run_run(const Command *command, int argc, char **argv);
int run_policy_check(const Command *command, int argc, char **argv);
int run_policy_show(const Command *command, int argc, char **argv);
int run_policy_decide(const Command *command, int argc, char **argv);
int run_policy_explain(const Command *command, int argc, char **argv);
int run_policy_test(const Command *command, int argc, char **argv);
int run_policy_prove(const Command *command, int argc, char **argv);
int run_policy_who_can(const Command *command, int argc, char **argv);
int run_policy_diff(const Command *command, int argc, char **argv);
int run_audit_search(const Command *command, int argc, char **argv);
int run_audit_show(const Command *command, int argc, char **argv);
int run_audit_verify(const Command *command, int argc, char **argv);
int run_audit_replay(const Command *command, int argc, char **argv);
int run_audit_receipt(const Command *command, int argc, char **argv);
int run_audit_details(const Command *command, int argc, char **argv);
int run_audit_erase(const Command *command, int argc, char **argv);
int run_moratorium_list(const Command *command, int argc, char **argv);
int run_moratorium_release(const Command *command, int argc, char **argv);
int run_moratorium_withdraw(const Command *command, int argc, char **argv);
int run_stand_down_on(const Command *command, int argc, char **argv);
int run_stand_down_off(const Command *command, int argc, char **argv);
