#pragma once
/*
 * What this process gives up once it is started.
 */

/**
 * confine() - No new privileges, no tracing by others of the same user, no core files (they would hold
 * templates), and files that nobody else can read. Return: 0 or -errno.
 */
int confine(void);
