#pragma once
/*
 * Unit: the system service that a process is in, from the text of its /proc/PID/cgroup.
 */

enum { UNIT_NAME_MAX = 255 };

/**
 * unit_of_cgroup() - The system service that a process is in, from the text of its /proc/PID/cgroup.
 *
 * Services of the system count, in whatever slice, with all that they have made below themselves. None is what
 * is below /user.slice, or below user@UID.service anywhere: a user chose it; nor what is below /machine.slice:
 * a container did. A name with a backslash cannot stand in a leaf and is none.
 * Return: the name, for free(); NULL where there is none (or no memory).
 */
char *unit_of_cgroup(const char *cgroup_text);
