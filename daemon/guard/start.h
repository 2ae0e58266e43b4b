#pragma once
/*
 * Start: what happens before the guard serves: policy, trail, rates, and the leaves that say what was found.
 */

struct Guard;

/**
 * start_open() - Loads the policy, opens the trail, rebuilds the rates.
 * @ret_status: on failure, what to exit with; the reason was said
 *
 * Return: 0 or -errno.
 */
int start_open(struct Guard *guard, int *ret_status);
