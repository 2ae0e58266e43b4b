#pragma once
/*
 * What this machine has for engines on a device: modules, the nodes of GPUs, a folder in which drivers may keep what they compile.
 * Found before the process is confined, which is then let reach it (worker/confine.c).
 */

#include <glob.h>
#include <stdbool.h>

#include "worker/engine.h"

typedef struct Premises {
        char *modules; /* the folder that this program lies in, and its drivers, engine-NAME.so, beside it */
        char *cache;   /* the folder that drivers may write; NULL: none */
        glob_t nodes;  /* paths: of GPUs, and of folders of such nodes */
} Premises;

#define PREMISES_INIT ((Premises){})

/**
 * premises_init() - Looks around.
 * @dev:        where nodes of devices are, "/dev"
 *
 * The folder to write is that of $POCL_CACHE_DIR, else $XDG_CACHE_HOME, else .cache in $HOME. Return: 0 or -errno.
 */
int premises_init(const char *dev, Premises *ret_premises);

/** premises_deinit() - Safe on PREMISES_INIT. */
void premises_deinit(Premises *premises);

/** premises_make_cache() - Makes that folder where it is missing and the one above it is not. */
void premises_make_cache(const Premises *premises);

/**
 * premises_want_driver() - Whether a driver is to be loaded: where one is asked for by its name, or "auto" can hope for a GPU, of which there is a node,
 * and a module that may know it.
 */
bool premises_want_driver(const Premises *premises, const char *engine);
