#pragma once
/*
 * The command line of matchguard-worker.
 */

#include <stdbool.h>

#include "worker/benchmark.h"
#include "worker/engine.h"

typedef struct Options {
        const char *connect;   /* the guard's socket */
        const char *galleries; /* the folder */
        const char *vkey;      /* file of the log's verifier key; NULL: $CREDENTIALS_DIRECTORY/log.vkey */
        EngineOptions engine;  /* but for its folder of modules, which no option names */
        bool list_devices;
        bool benchmark;
        BenchmarkOptions benchmark_options;
        bool forget_log;
        bool log_seccomp;
        bool json; /* with list_devices or benchmark */
} Options;

enum {
        OPTIONS_E_DONE = 1,  /* help or version was asked for and printed */
        OPTIONS_E_USAGE = 2, /* the command line is wrong, and it was said how */
};

/**
 * options_parse() - Reads the command line; and what that does not say from $MATCHGUARD_THREADS, _ENGINE, _DEVICE and _DEVICE_MEMORY.
 * Return: 0 or OPTIONS_E_*.
 */
int options_parse(int argc, char **argv, Options *ret_options);
