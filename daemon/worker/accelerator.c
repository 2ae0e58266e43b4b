/*
 * A device that was chosen, and what is on it.
 */

#include "worker/accelerator.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/diag.h"
#include "base/macro.h"
#include "worker/driver.h"
#include "worker/inspection.h"

struct Accelerator {
        const DeviceDriver *driver;
        Device *device;
        Copies *copies;
        Rounds *rounds;
        char name[32];
};

/* ------------------------------------------------------------------------------------------------
 * choosing */

static int accelerator_open(Accelerator *accelerator, size_t number, uint64_t memory, DeviceWhy *ret_why)
{
        const DeviceDriver *driver = accelerator->driver;

        int r = driver->open(number, &accelerator->device, ret_why);
        if (r == 0)
                r = inspection_run(driver, accelerator->device, ret_why);
        if (r < 0)
                return ACCELERATOR_E_FAILED;
        const DeviceFacts *facts = driver->facts(accelerator->device);
        (void)snprintf(accelerator->name, sizeof(accelerator->name), "%s/%s", driver->name,
                       facts->kind); /* Drivers' names are short. */
        r = copies_new(driver, accelerator->device,
                       memory > 0 ? MIN_OF(memory, facts->memory) : facts->memory / 10 * 9,
                       &accelerator->copies);
        return r < 0 ? r : rounds_new(driver, accelerator->device, &accelerator->rounds);
}

static int open_number(const DeviceDriver *driver, size_t number, uint64_t memory,
                       Accelerator **ret_accelerator, DeviceWhy *ret_why)
{
        Accelerator *accelerator = calloc(1, sizeof(Accelerator));
        if (!accelerator)
                return -ENOMEM;
        accelerator->driver = driver;
        int r = accelerator_open(accelerator, number, memory, ret_why);
        if (r != 0)
                accelerator_free(accelerator);
        else
                *ret_accelerator = accelerator;
        return r;
}

/* What somebody can do about it is in what is said. */
static int open_chosen(const DeviceDriver *driver, const DriverDevices *devices, const DriverChoice *choice,
                       const AcceleratorWish *wish, Accelerator **ret_accelerator, DeviceWhy *ret_why)
{
        int r = ACCELERATOR_E_NONE;

        for (size_t i = 0; r > 0 && i < choice->n; i++) {
                const char *name = devices->facts[choice->numbers[i]].name;
                DeviceWhy why;
                r = open_number(driver, choice->numbers[i], wish->memory, ret_accelerator, &why);
                if (r <= 0)
                        return r;
                driver_say(ret_why, "%s device %zu (%.60s) does not work: %s", driver->name,
                           choice->numbers[i], name, why.text);
                if (i + 1 < choice->n)
                        diag(DIAG_WARNING, "%s; trying the next one.", ret_why->text);
        }
        return r;
}

static int choose(const char *engine, const AcceleratorWish *wish, Accelerator **ret_accelerator,
                  DeviceWhy *ret_why)
{
        DriverDevices devices;
        DriverChoice choice;
        DeviceWhy why = {""};

        const DeviceDriver *driver = driver_load(wish->folder, engine, &why);
        int r = driver ? driver_list(driver, &devices, &why) : -ENODEV;
        if (r == 0 && driver_choose(&devices, wish->device, strcmp(wish->engine, "auto") == 0, &choice, &why))
                return open_chosen(driver, &devices, &choice, wish, ret_accelerator, ret_why);
        driver_say(ret_why, "%s cannot be used: %s", engine, why.text);
        return ACCELERATOR_E_NONE;
}

int accelerator_new(const AcceleratorWish *wish, Accelerator **ret_accelerator, DeviceWhy *ret_why)
{
        int result = ACCELERATOR_E_NONE;

        if (strcmp(wish->engine, "auto") != 0)
                return choose(wish->engine, wish, ret_accelerator, ret_why);
        for (size_t i = 0; i < driver_n_names; i++) {
                DeviceWhy why;
                int r = choose(driver_names[i], wish, ret_accelerator, &why);
                if (r <= 0)
                        return r;
                /* Devices were opened to this process, or it would not look: whoever did so reads why they are not used. */
                diag(r == ACCELERATOR_E_NONE ? DIAG_INFO : DIAG_WARNING, "%s.", why.text);
                if (result == ACCELERATOR_E_NONE)
                        *ret_why = why;
                result = r == ACCELERATOR_E_FAILED ? r : result;
        }
        return result;
}

Accelerator *accelerator_free(Accelerator *accelerator)
{
        DeviceWhy why;

        if (!accelerator)
                return NULL;
        if (copies_free(accelerator->copies, &why) < 0)
                diag(DIAG_WARNING, "What was in the memory of the device %s may still be there: %s.",
                     accelerator->driver->facts(accelerator->device)->name, why.text);
        accelerator->driver->close(accelerator->device);
        /* What it was told to write to: a device that has failed may do that until it is closed. */
        rounds_free(accelerator->rounds);
        free(accelerator);
        return NULL;
}

const char *accelerator_name(const Accelerator *accelerator)
{
        return accelerator->name;
}

const DeviceFacts *accelerator_device(const Accelerator *accelerator)
{
        return accelerator->driver->facts(accelerator->device);
}

CopiesFacts accelerator_memory(const Accelerator *accelerator)
{
        return copies_facts(accelerator->copies);
}

/* ------------------------------------------------------------------------------------------------
 * working */

static int ending_of(int r)
{
        return r == 0 ? 0 : r == -ENOMEM ? ACCELERATOR_E_NO_ROOM : ACCELERATOR_E_FAILED;
}

static int run_parts(Accelerator *accelerator, const Templates *templates, DeviceWhy *ret_why)
{
        size_t n_parts;

        int r = ending_of(copies_begin(accelerator->copies, templates, &n_parts, ret_why));
        for (size_t i = 0; r == 0 && i < n_parts && !rounds_are_over(accelerator->rounds); i++) {
                CopiesPart part;
                r = ending_of(copies_part(accelerator->copies, templates, i, &part, ret_why));
                if (r == 0)
                        r = rounds_run(accelerator->rounds, &part, ret_why);
        }
        return r;
}

/* What is on the device for this search alone is overwritten, whatever came of it; a failure of that counts where there was none before. */
static int end_search(Accelerator *accelerator, int result, DeviceWhy *ret_why)
{
        DeviceWhy copies_why, probes_why;

        int r = copies_end(accelerator->copies, &copies_why);
        int s = accelerator->driver->forget_probes(accelerator->device, &probes_why);
        if (result == ACCELERATOR_E_FAILED || (r == 0 && s == 0))
                return result;
        *ret_why = r < 0 ? copies_why : probes_why;
        return ACCELERATOR_E_FAILED;
}

int accelerator_run(Accelerator *accelerator, const RoundsWork *work, uint64_t *ret_nanoseconds,
                    DeviceWhy *ret_why)
{
        const Queries *queries = work->queries;
        const Templates *templates = queries->templates;

        int r = rounds_begin(accelerator->rounds, work);
        if (r < 0)
                return r;
        r = ending_of(accelerator->driver->set_probes(accelerator->device, queries->probes, queries->n_probes,
                                                      templates->dimension, ret_why));
        if (r == 0)
                r = run_parts(accelerator, templates, ret_why);
        *ret_nanoseconds = rounds_nanoseconds(accelerator->rounds);
        return end_search(accelerator, r, ret_why);
}

int accelerator_sync(Accelerator *accelerator, const Templates *templates, DeviceWhy *ret_why)
{
        return copies_sync(accelerator->copies, templates, ret_why) < 0 ? ACCELERATOR_E_FAILED : 0;
}

int accelerator_forget(Accelerator *accelerator, uint64_t identity, DeviceWhy *ret_why)
{
        return copies_forget(accelerator->copies, identity, ret_why) < 0 ? ACCELERATOR_E_FAILED : 0;
}

/* ------------------------------------------------------------------------------------------------
 * telling */

void accelerator_list(const char *folder,
                      void (*found)(const char *engine, size_t number, const DeviceFacts *facts,
                                    const char *why, void *userdata),
                      void *userdata)
{
        for (size_t i = 0; i < driver_n_names; i++) {
                DriverDevices devices;
                DeviceWhy why = {""};
                const DeviceDriver *driver = driver_load(folder, driver_names[i], &why);
                if (!driver || driver_list(driver, &devices, &why) < 0) {
                        found(driver_names[i], 0, NULL, why.text, userdata);
                        continue;
                }
                for (size_t number = 0; number < devices.n; number++)
                        found(driver_names[i], number, &devices.facts[number], NULL, userdata);
        }
}
