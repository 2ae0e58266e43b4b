/*
 * Dates that come near. Pure; looks at each object that has a date, and puts into words what follows from it.
 */

#include "policy/upcoming.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "policy/match.h"
#include "policy/model.h"

#define UPCOMING_DAY_USEC (INT64_C(86400) * 1000000)

/* What is being put together. */
typedef struct Listing {
        const Policy *policy;
        Instant at;
        UpcomingList list;
        size_t capacity;
} Listing;

/* What to say of a date, and what follows from it; NULL: nothing. */
typedef struct Words {
        const char *date, *follows;
} Words;

/* One date of one object, before it is known whether it matters. */
typedef struct Date {
        UpcomingKind kind;
        const Object *object;
        KeyId key;
        Words ahead, past;
        bool stays; /* it matters however long it is past */
} Date;

void upcoming_list_deinit(UpcomingList *list)
{
        for (size_t i = 0; i < list->n; i++)
                free(list->items[i].text);
        free(list->items);
        *list = UPCOMING_LIST_INIT;
}

static int64_t upcoming_days(int64_t instant, int64_t time)
{
        int64_t left;

        /* The clock may say anything; what it leaves far behind has passed. */
        if (__builtin_sub_overflow(instant, time, &left))
                left = INT64_MIN;
        return left > 0 ? (left - 1) / UPCOMING_DAY_USEC + 1 : left / UPCOMING_DAY_USEC;
}

static void upcoming_say_when(int64_t days_left, Buffer *text)
{
        if (days_left == 1)
                buffer_append_text(text, "within a day");
        else if (days_left > 1)
                buffer_append_format(text, "in %" PRId64 " days", days_left);
        else if (days_left == 0)
                buffer_append_text(text, "less than a day ago");
        else if (days_left == -1)
                buffer_append_text(text, "a day ago");
        else
                buffer_append_format(text, "%" PRId64 " days ago", -days_left);
}

/* "moratorium police-use: ends on 2021-06-10, in 7 days; ... (police-use.moratorium:8)" */
static char *upcoming_say(const Date *date, const Value *value, int64_t days_left)
{
        const Words *words = days_left > 0 ? &date->ahead : &date->past;
        _cleanup_(buffer_deinit) Buffer text = BUFFER_INIT;
        char when[TIME_TEXT_SIZE];

        time_format(value->number, when);
        buffer_append_format(&text, "%s %s: %s %s, ", type_specs[date->object->type].noun, date->object->name,
                             words->date, when);
        upcoming_say_when(days_left, &text);
        if (words->follows)
                buffer_append_format(&text, "; %s", words->follows);
        buffer_append_format(&text, " (%s:%u)", value->place.file, value->place.line);
        return text.failed ? NULL : buffer_take(&text, NULL);
}

static int upcoming_add(Listing *listing, const Upcoming *upcoming)
{
        UpcomingList *list = &listing->list;

        if (list->n == listing->capacity) {
                size_t capacity = listing->capacity > 0 ? 2 * listing->capacity : 16;
                Upcoming *items = reallocarray(list->items, capacity, sizeof(*items));
                if (!items)
                        return -ENOMEM;
                list->items = items;
                listing->capacity = capacity;
        }
        list->items[list->n++] = *upcoming;
        return 0;
}

static int upcoming_date(Listing *listing, const Date *date)
{
        const Value *value = date->object->main.values[date->key];
        int64_t days_left = upcoming_days(value->number, listing->at.time);

        if (days_left > UPCOMING_DAYS || (days_left < -UPCOMING_DAYS && !date->stays))
                return 0;
        _cleanup_(freep) char *text = upcoming_say(date, value, days_left);
        Upcoming upcoming = {.kind = date->kind,
                             .name = date->object->name,
                             .place = value->place,
                             .instant = value->number,
                             .days_left = days_left,
                             .text = text};
        int r = text ? upcoming_add(listing, &upcoming) : -ENOMEM;
        if (r == 0)
                TAKE_PTR(text);
        return r;
}

/* What its end brings depends on how it ends, and, once it has passed, on whether the date is believed. */
static void upcoming_moratorium_words(const Moratorium *moratorium, bool in_force, Date *date)
{
        bool lapses = moratorium->expiry == EXPIRY_LAPSE;

        if (!lapses && !moratorium->released) {
                date->ahead = (Words){"is to end on", "it is held beyond that until somebody releases it"};
                date->past = (Words){"was to end on", "it is held beyond that until somebody releases it"};
                return;
        }
        date->ahead = (Words){lapses ? "lapses on" : "ends, as its release says, on",
                              "from then on it refuses nothing"};
        if (in_force)
                date->past = (Words){lapses ? "was to lapse on" : "was to end, as its release says, on",
                                     "it stands until a synchronised clock says that this has come"};
        else
                date->past = (Words){lapses ? "lapsed on" : "ended, as its release says, on",
                                     "it refuses nothing any more"};
}

static int upcoming_moratorium_end(Listing *listing, const Moratorium *moratorium, const Object *object)
{
        bool in_force = moratorium_in_force(moratorium, listing->at);
        Date date = {.kind = UPCOMING_MORATORIUM_END, .object = object, .key = KEY_UNTIL, .stays = in_force};

        if (moratorium->span.until == TIME_FOREVER)
                return 0;
        upcoming_moratorium_words(moratorium, in_force, &date);
        return upcoming_date(listing, &date);
}

static int upcoming_moratorium(Listing *listing, size_t place)
{
        const Object *object = &listing->policy->objects[OBJECT_MORATORIUM].items[place];
        const Moratorium *moratorium = &listing->policy->moratoria[place];
        bool ended =
                listing->at.time >= moratorium->span.from && !moratorium_in_force(moratorium, listing->at);
        Date review = {.kind = UPCOMING_MORATORIUM_REVIEW,
                       .object = object,
                       .key = KEY_REVIEW_BY,
                       .ahead = {"is to be reviewed by"},
                       .past = {"was to be reviewed by"},
                       .stays = true};

        int r = upcoming_moratorium_end(listing, moratorium, object);
        if (r < 0 || ended || !object->main.values[KEY_REVIEW_BY])
                return r;
        return upcoming_date(listing, &review);
}

/* Allows and organisations end for good, and at the time of the wall clock. */
static int upcoming_ends(Listing *listing, ObjectType type, const Date *like)
{
        const ObjectTable *table = &listing->policy->objects[type];

        for (size_t i = 0; i < table->n; i++) {
                Date date = *like;
                date.object = &table->items[i];
                date.key = KEY_UNTIL;
                int r = date.object->main.values[KEY_UNTIL] ? upcoming_date(listing, &date) : 0;
                if (r < 0)
                        return r;
        }
        return 0;
}

static int upcoming_compare(const void *a, const void *b)
{
        const Upcoming *x = a, *y = b;

        if (x->instant != y->instant)
                return x->instant < y->instant ? -1 : 1;
        if (x->kind != y->kind)
                return x->kind < y->kind ? -1 : 1;
        return strcmp(x->name, y->name);
}

static int upcoming_all(Listing *listing)
{
        static const Date allow = {.kind = UPCOMING_ALLOW_END,
                                   .ahead = {"ends on", "from then on it permits nothing"},
                                   .past = {"ended on", "it permits nothing any more"}};
        static const Date organisation = {.kind = UPCOMING_ORGANISATION_END,
                                          .ahead = {"ends on", "from then on it may ask for nothing"},
                                          .past = {"ended on", "it may ask for nothing any more"}};
        int r = 0;

        for (size_t i = 0; i < listing->policy->objects[OBJECT_MORATORIUM].n && r == 0; i++)
                r = upcoming_moratorium(listing, i);
        if (r == 0)
                r = upcoming_ends(listing, OBJECT_ALLOW, &allow);
        return r < 0 ? r : upcoming_ends(listing, OBJECT_ORGANISATION, &organisation);
}

int policy_upcoming(const Policy *policy, const Facts *now, UpcomingList *ret_list)
{
        Listing listing = {.policy = policy};
        Question question;

        question_init(&question, policy, now);
        listing.at = question.at;
        int r = upcoming_all(&listing);
        if (r < 0) {
                upcoming_list_deinit(&listing.list);
                return r;
        }
        if (listing.list.n > 0)
                qsort(listing.list.items, listing.list.n, sizeof(Upcoming), upcoming_compare);
        *ret_list = listing.list;
        return 0;
}

unsigned upcoming_stage(const Upcoming *upcoming)
{
        static const int64_t days[UPCOMING_STAGES] = {UPCOMING_DAYS, 7, 1, 0};
        unsigned stage = 0;

        while (stage + 1 < UPCOMING_STAGES && upcoming->days_left <= days[stage + 1])
                stage++;
        return stage;
}
