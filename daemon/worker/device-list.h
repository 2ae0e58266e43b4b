#pragma once
/*
 * `matchguard-worker --list-devices`: for whoever sets up a machine. Works wherever the program runs, whether it finds anything or not.
 */

#include <stdbool.h>

/**
 * device_list_print() - Prints which devices each driver knows, or why it cannot be used and what to install, on stdout.
 * @folder:     of the drivers
 *
 * Return: 0, or -EIO where it could not be printed.
 */
int device_list_print(const char *folder, bool json);
