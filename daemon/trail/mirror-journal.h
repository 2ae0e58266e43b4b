#pragma once
/*
 * The journal as a destination of the mirror: events, the leaves that are events, and checkpoints, whole. Where
 * events go to stderr, those that people read.
 */

#include "trail/mirror.h"

/* The note of a checkpoint stands under MATCHGUARD_NOTE without its last line feed, which `jq -r` puts back. */
extern const MirrorDestination mirror_journal;

/** mirror_journal_new() - What goes with the destination. Return: NULL where memory ran out. */
void *mirror_journal_new(void);
