#pragma once
/*
 * What a device computes, held against plain arithmetic before it is trusted: a driver, a compiler or a chip may be faulty, and nobody
 * would see it in the results.
 */

#include "worker/device.h"

/**
 * inspection_run() - Scans made-up blocks on the device, in each of the ways in which it will be used.
 *
 * Return: 0; -EIO or -ENOMEM: it did something else, or failed, as @ret_why says in a sentence's middle.
 */
int inspection_run(const DeviceDriver *driver, Device *device, DeviceWhy *ret_why);
