/*
 * Drivers and their devices. A module that was loaded is never unloaded: a vendor's library may have threads of its own by then.
 */

#include "worker/driver.h"

#include <dlfcn.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/macro.h"
#include "base/text.h"

const char *const driver_names[] = {"cuda", "opencl"};
const size_t driver_n_names = ARRAY_SIZE(driver_names);

void driver_say(DeviceWhy *ret_why, const char *format, ...)
{
        va_list args;

        va_start(args, format);
        (void)vsnprintf(ret_why->text, sizeof(ret_why->text), format, args);
        va_end(args);
}

const DeviceDriver *driver_load(const char *folder, const char *name, DeviceWhy *ret_why)
{
        char path[4096];

        if ((size_t)snprintf(path, sizeof(path), "%s/engine-%s.so", folder, name) >= sizeof(path)) {
                driver_say(ret_why, "the name of its folder is too long");
                return NULL;
        }
        void *module = dlopen(path, RTLD_NOW | RTLD_LOCAL);
        if (!module) {
                driver_say(ret_why, "%s", dlerror());
                return NULL;
        }
        const DeviceDriver *driver = dlsym(module, DEVICE_DRIVER_SYMBOL);
        if (driver && driver->version == DEVICE_DRIVER_VERSION)
                return driver;
        driver_say(ret_why, "%s is not of this version of matchguard-worker", path);
        return NULL;
}

static void add_device(const DeviceFacts *facts, void *userdata)
{
        DriverDevices *devices = userdata;

        if (devices->n < DRIVER_DEVICES_MAX)
                devices->facts[devices->n++] = *facts;
}

int driver_list(const DeviceDriver *driver, DriverDevices *ret_devices, DeviceWhy *ret_why)
{
        *ret_devices = (DriverDevices){};
        return driver->list(add_device, ret_devices, ret_why);
}

/* "0 (NVIDIA H200), 1 (NVIDIA H200)"; those of @choice, or all. */
static void name_devices(const DriverDevices *devices, const DriverChoice *choice, char *ret_text,
                         size_t size)
{
        size_t n = choice ? choice->n : devices->n, used = 0;

        ret_text[0] = '\0';
        for (size_t i = 0; i < n && used < size; i++) {
                size_t number = choice ? choice->numbers[i] : i;
                used += (size_t)snprintf(ret_text + used, size - used, "%s%zu (%s)", i > 0 ? ", " : "",
                                         number, devices->facts[number].name);
        }
}

static void add_choice(const DriverDevices *devices, bool gpus, const char *part, DriverChoice *choice)
{
        for (size_t i = 0; i < devices->n; i++)
                if (devices->facts[i].is_gpu == gpus && (!part || strcasestr(devices->facts[i].name, part)))
                        choice->numbers[choice->n++] = i;
}

bool driver_choose(const DriverDevices *devices, const char *wish, bool only_gpus, DriverChoice *ret_choice,
                   DeviceWhy *ret_why)
{
        const char *what = only_gpus ? "GPU" : "device";
        char text[DEVICE_WHY_MAX - 64];
        uint64_t number;

        *ret_choice = (DriverChoice){};
        name_devices(devices, NULL, text, sizeof(text));
        if (wish && text_to_u64(wish, strlen(wish), &number)) {
                if (number < devices->n && (devices->facts[number].is_gpu || !only_gpus))
                        ret_choice->numbers[ret_choice->n++] = number;
        } else {
                add_choice(devices, true, wish, ret_choice);
                if (!only_gpus)
                        add_choice(devices, false, wish, ret_choice);
        }
        if (devices->n == 0)
                driver_say(ret_why, "there is no device");
        else if (ret_choice->n == 0 && wish)
                driver_say(ret_why, "there is no %s '%.32s', but %s", what, wish, text);
        else if (ret_choice->n == 0)
                driver_say(ret_why, "there is no %s, but %s", what, text);
        if (!wish || ret_choice->n <= 1)
                return ret_choice->n > 0;
        name_devices(devices, ret_choice, text, sizeof(text));
        driver_say(ret_why, "'%.32s' may be any of %s; say a number", wish, text);
        return false;
}
