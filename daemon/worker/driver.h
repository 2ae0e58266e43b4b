#pragma once
/*
 * The drivers of devices (worker/device.h): where their modules are, and which of their devices somebody means.
 */

#include "worker/device.h"

enum { DRIVER_DEVICES_MAX = 32 /* of a driver, that are known */ };

/** driver_say() - Puts into words why; what is too long is cut. */
__attribute__((format(printf, 2, 3))) void driver_say(DeviceWhy *ret_why, const char *format, ...);

/* The names of all drivers there may be, the one to be preferred first. */
extern const char *const driver_names[];
extern const size_t driver_n_names;

/**
 * driver_load() - Loads folder/engine-NAME.so, which then stays.
 * Return: NULL where it cannot be had, @ret_why says why in a sentence's middle.
 */
const DeviceDriver *driver_load(const char *folder, const char *name, DeviceWhy *ret_why);

/* Devices of a driver, by their numbers. */
typedef struct DriverDevices {
        size_t n;
        DeviceFacts facts[DRIVER_DEVICES_MAX];
} DriverDevices;

/** driver_list() - Return: 0, or as the driver's list(). */
int driver_list(const DeviceDriver *driver, DriverDevices *ret_devices, DeviceWhy *ret_why);

/* Numbers of devices, in the order in which they are to be tried. */
typedef struct DriverChoice {
        size_t n;
        size_t numbers[DRIVER_DEVICES_MAX];
} DriverChoice;

/**
 * driver_choose() - Which of the devices are meant.
 * @wish:       a number, or a part of the name of one device; NULL: any, those that are GPUs first
 * @only_gpus:  no others
 *
 * Return: whether there is one; else @ret_why says why not in a sentence's middle.
 */
bool driver_choose(const DriverDevices *devices, const char *wish, bool only_gpus, DriverChoice *ret_choice,
                   DeviceWhy *ret_why);
