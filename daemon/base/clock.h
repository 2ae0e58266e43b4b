#pragma once
/*
 * The only reader of clocks. What thinks about time is given a ClockReading, so that tests can give it any.
 */

#include <stdbool.h>
#include <stdint.h>

#define CLOCK_USEC_PER_SEC UINT64_C(1000000)

typedef struct ClockReading {
        uint64_t wall_usec;     /* CLOCK_REALTIME, since 1970 */
        uint64_t boottime_usec; /* CLOCK_BOOTTIME, since this boot */
        bool synchronised;      /* the kernel says so: adjtimex(2) without STA_UNSYNC */
} ClockReading;

/**
 * clock_read() - Reads all three at one instant.
 *
 * When adjtimex(2) is refused the clock counts as not synchronised: who says nothing is not believed.
 * Return: 0, or a negative errno when a clock cannot be read.
 */
int clock_read(ClockReading *ret_reading);

/** clock_boottime() - CLOCK_BOOTTIME alone, in us: for what only measures, without asking the kernel about the wall clock. */
uint64_t clock_boottime(void);

/**
 * clock_boot_id() - The kernel's id of this boot.
 * @ret_id:     32 lower-case hex digits and a NUL
 *
 * Return: 0, or a negative errno.
 */
int clock_boot_id(char ret_id[static 33]);
