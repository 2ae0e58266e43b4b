/*
 * The table of commands, in the order of `matchguard --help`. A row names the command; all else about it
 * stands in the file that holds its function.
 */

#include "tools/commands.h"

/* One line a command: */
/* clang-format off */
const Command commands[] = {
        {NULL, "status", "[OPTION...]", "what is in force, and how the service is", run_status},
        {NULL, "whoami", "[OPTION...]", "what the service takes you for", run_whoami},
        {NULL, "identify", "[OPTION...] (PROBE | --stored SUBJECT)", "search a gallery", run_identify},
        {NULL, "verify", "[OPTION...] SUBJECT PROBE", "compare a probe with one subject of a gallery", run_verify},
        {NULL, "compare", "[OPTION...] PROBE REFERENCE", "compare two templates", run_compare},
        {NULL, "enrol", "[OPTION...] TEMPLATES (SUBJECTS | --subject ID)", "store templates in a gallery", run_enrol},
        {NULL, "remove", "[OPTION...] SUBJECT", "remove a subject from a gallery", run_remove},
        {NULL, "list", "[OPTION...]", "list the subjects of a gallery", run_list},
        {NULL, "reload", "[OPTION...]", "load the policy anew, or show what that would change", run_reload},
        {NULL, "log-level", "[OPTION...] [error|warning|notice|info|debug]", "how much the service tells the journal, until its next start", run_log_level},
        {NULL, "rebase", "[OPTION...]", "believe the clock again, which the trail contradicts", run_rebase},
        {NULL, "run", "--dir DIR [OPTION...]", "everything in one private directory", run_run},
        {"policy", "check", "[OPTION...]", "whether a policy loads, and what it is made of", run_policy_check},
        {"policy", "show", "[OPTION...] [NAME.TYPE]", "a policy or one object of it, for people", run_policy_show},
        {"policy", "decide", "--facts FILE [OPTION...]", "decide upon facts, a JSON object a line", run_policy_decide},
        {"policy", "explain", "(--facts FILE | OPTION...)", "why a request is permitted or denied", run_policy_explain},
        {"policy", "test", "[OPTION...] [FILE | DIR]...", "whether a policy decides as its tests expect", run_policy_test},
        {"policy", "prove", "[OPTION...]", "whether the invariants of a policy hold", run_policy_prove},
        {"policy", "who-can", "[OPTION...]", "who may do what, for what, at an instant", run_policy_who_can},
        {"policy", "diff", "[OPTION...] OLD NEW", "which requests two policies answer otherwise", run_policy_diff},
        {"moratorium", "list", "[OPTION...]", "each moratorium, and whether it stands", run_moratorium_list},
        {"moratorium", "release", "[OPTION...] --reason TEXT NAME", "end a moratorium", run_moratorium_release},
        {"moratorium", "withdraw", "[OPTION...] NAME", "take its release away: it stands again", run_moratorium_withdraw},
        {"stand-down", "on", "[OPTION...] --reason TEXT", "stop the service, or a part of it", run_stand_down_on},
        {"stand-down", "off", "[OPTION...] [NAME]", "end a stand-down", run_stand_down_off},
        {"audit", "search", "[OPTION...]", "find records in the trail", run_audit_search},
        {"audit", "show", "[OPTION...] (INDEX | REQUEST)", "one record, and what came of it", run_audit_show},
        {"audit", "verify", "[OPTION...]", "check the whole trail", run_audit_verify},
        {"audit", "replay", "[OPTION...]", "make every decision anew, or by another policy", run_audit_replay},
        {"audit", "receipt", "[OPTION...] (REQUEST | --check FILE)", "get the proof of a request, or check one", run_audit_receipt},
        {"audit", "details", "[OPTION...] (REQUEST | INDEX)", "open what a record commits to, which is recorded", run_audit_details},
        {"audit", "erase", "[OPTION...] (--request ID | --subject SUBJECT | --older-than SPAN)", "erase details for good", run_audit_erase},
        {},
};
/* clang-format on */
