#pragma once
/* What has to be so for the test to mean anything; where it is not, the test ends. */

#include <stdio.h>
#include <stdlib.h>

#define MUST(condition)                                                                                      \
        do {                                                                                                 \
                if (!(condition)) {                                                                          \
                        (void)fprintf(stderr, "%s:%d: not so: %s\n", __FILE__, __LINE__, #condition);        \
                        abort();                                                                             \
                }                                                                                            \
        } while (0)
