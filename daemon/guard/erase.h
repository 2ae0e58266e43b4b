#pragma once
/*
 * Eraser: erases details, by the administrator's word or by age (DetailRetention=). One erasure at a time, in
 * steps: the trail's thread selects some details, an `erase` leaf says how many go, and they go in the very
 * transaction of that leaf; in between requests are recorded as ever. At the end no file of the database holds
 * them any more.
 *
 * Invariants
 *   1. leaf and erasure are one: neither stands without the other, whenever the machine stops
 *   2. neither leaf nor journal says whose details went, but for those of one request
 *   3. by age of its own accord it goes by a time that a clock set forward does not reach
 */

#include <stdbool.h>
#include <stdint.h>
#include <systemd/sd-event.h>

#include "guard/call.h"
#include "guard/recorder.h"
#include "trail/trail.h"
#include "wire/message.h"

struct Guard;
struct Client;

enum { ERASER_SUBJECT_SIZE = 65 };

typedef struct Eraser {
        struct Guard *guard;
        sd_event_source *timer; /* the next look for what is too old */

        bool busy;
        bool by_admin; /* else by itself */
        bool counts;   /* it only says how many there are */
        uid_t by;
        Call call;
        TrailSelection selection;
        char subject[ERASER_SUBJECT_SIZE];
        uint64_t n_done;     /* details erased, or counted */
        bool has_record;     /* at least one leaf says so */
        uint64_t record;     /* index of the last of them */
        bool last_step;      /* what is on its way is all that is left */
        size_t n_on_its_way; /* details that the leaf on its way erases */
        Waiter waiter;
} Eraser;

/** eraser_init() - None under way. Return: 0 or -errno. */
int eraser_init(Eraser *eraser, struct Guard *guard);

/** eraser_deinit() - Lets go of the timer; the trail must be gone. Safe when all zero. */
void eraser_deinit(Eraser *eraser);

/** eraser_start() - From now on what is too old is erased. Return: 0 or -errno. */
int eraser_start(Eraser *eraser);

/** eraser_by_admin() - Handler of CountDetails and Erase, one of which is answered when it is done and durable.
 * Return: 0 or -errno. */
int eraser_by_admin(Eraser *eraser, struct Client *client, const CallMessage *message);

/** eraser_waits_for_time() - Whether details are to be erased by age, and no time can be trusted to do so. */
bool eraser_waits_for_time(const Eraser *eraser);
