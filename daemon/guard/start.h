#pragma once
/*
 * Start: what happens before the guard serves: policy, trail, rates, and the leaves that say what was found.
 */

struct Guard;

/**
 * start_try() - Opens the trail and sends the first leaves on their way; or stands by where there is no room
 * for it.
 * @ret_status: as below
 *
 * Return: 0 or -errno.
 */
int start_try(struct Guard *guard, int *ret_status);

/**
 * start_open() - Loads the policy, and start_try().
 * @ret_status: on failure, what to exit with; the reason was said
 *
 * Return: 0 or -errno.
 */
int start_open(struct Guard *guard, int *ret_status);
