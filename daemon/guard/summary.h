#pragma once
/*
 * Summary: how the service stands in one line, for `systemctl status`.
 */

struct Guard;

/**
 * summary_notify() - Tells the service manager, if there is one, unless it was told the same last.
 * @more:       further assignments of sd_notify(3) that go with it in any case, each ended by a newline; ""
 */
void summary_notify(struct Guard *guard, const char *more);
