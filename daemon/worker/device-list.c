/*
 * The devices of this machine, for people or as JSON.
 */

#include "worker/device-list.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "worker/accelerator.h"

/* What each driver needs. */
static const struct {
        const char *engine;
        const char *remedy;
} device_list_drivers[] = {
        {"opencl", "It needs the package matchguard-opencl and, from the maker of the device, an OpenCL "
                   "driver, which is named in a file in /etc/OpenCL/vendors; PoCL a folder to write as well "
                   "($POCL_CACHE_DIR)."},
        {"cuda",
         "It needs a matchguard that was built where nvcc is, and NVIDIA's driver with libcuda.so.1."},
};

typedef struct DeviceList {
        size_t n_devices;
        size_t n_missing;
        bool told[ARRAY_SIZE(device_list_drivers)];
        bool json;
        bool is_missing; /* drivers are printed that are of no use, and not devices */
} DeviceList;

static size_t driver_of(const char *engine)
{
        size_t i = 0;

        while (strcmp(device_list_drivers[i].engine, engine) != 0)
                i++;
        return i;
}

/* Names are printable ASCII (worker/device.h); what a loader says may be anything. */
static void print_string(const char *text)
{
        putchar('"');
        for (; *text; text++) {
                if (*text == '"' || *text == '\\')
                        putchar('\\');
                putchar(*text >= ' ' && *text <= '~' ? *text : '?');
        }
        putchar('"');
}

static void print_device_json(const DeviceList *list, const char *engine, size_t number,
                              const DeviceFacts *facts)
{
        printf("%s\n  {\"engine\":\"%s\",\"number\":%zu,\"name\":", list->n_devices > 0 ? "," : "", engine,
               number);
        print_string(facts->name);
        printf(",\"kind\":");
        print_string(facts->kind);
        printf(",\"gpu\":%s,\"memory\":%" PRIu64 "}", facts->is_gpu ? "true" : "false", facts->memory);
}

static void print_device(const DeviceList *list, const char *engine, size_t number, const DeviceFacts *facts)
{
        if (list->n_devices == 0)
                printf("%-8s %6s  %-8s %10s  %s\n", "ENGINE", "NUMBER", "KIND", "MEMORY", "NAME");
        printf("%-8s %6zu  %-8s %6.1f GiB  %s\n", engine, number, facts->kind,
               (double)facts->memory / (1 << 30), facts->name);
}

static void print_missing_json(const DeviceList *list, const char *engine, const char *why)
{
        printf("%s\n  {\"engine\":\"%s\",\"why\":", list->n_missing > 0 ? "," : "", engine);
        print_string(why);
        printf(",\"remedy\":");
        print_string(device_list_drivers[driver_of(engine)].remedy);
        putchar('}');
}

static void print_missing(const DeviceList *list, const char *engine, const char *why)
{
        printf("%s%s cannot be used: %s.\n  %s\n", list->n_devices + list->n_missing > 0 ? "\n" : "", engine,
               why, device_list_drivers[driver_of(engine)].remedy);
}

/* Called for everything twice: devices are printed, and then what is missing. */
static void print_found(const char *engine, size_t number, const DeviceFacts *facts, const char *why,
                        void *userdata)
{
        DeviceList *list = userdata;

        if (list->is_missing != !facts)
                return;
        if (facts && list->json)
                print_device_json(list, engine, number, facts);
        else if (facts)
                print_device(list, engine, number, facts);
        else if (list->json)
                print_missing_json(list, engine, why);
        else
                print_missing(list, engine, why);
        list->told[driver_of(engine)] = true;
        list->n_devices += facts ? 1 : 0;
        list->n_missing += facts ? 0 : 1;
}

/* Drivers that can be loaded, and then have nothing to tell of. */
static void print_idle(DeviceList *list)
{
        for (size_t i = 0; i < ARRAY_SIZE(device_list_drivers); i++)
                if (!list->told[i])
                        print_found(device_list_drivers[i].engine, 0, NULL, "it finds no device", list);
}

int device_list_print(const char *folder, bool json)
{
        DeviceList list = {.json = json};

        if (json)
                printf("{\"devices\":[");
        accelerator_list(folder, print_found, &list);
        list.is_missing = true;
        if (json)
                printf("],\n \"missing\":[");
        accelerator_list(folder, print_found, &list);
        print_idle(&list);
        if (json)
                printf("]}\n");
        else if (list.n_devices == 0)
                printf("\nThere is no device: searches are the processor's (--engine=auto).\n");
        return fflush(stdout) < 0 || ferror(stdout) ? -EIO : 0;
}
