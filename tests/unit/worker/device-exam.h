#pragma once
/*
 * What drivers of devices (worker/device.h) are examined with: blocks and probes by chance, and what their bounds are, computed anew by the sentences of
 * worker/scan-kernels.h. The driver is the module that MATCHGUARD_DEVICE_MODULE names, its device the first one.
 */

#include <criterion/criterion.h>
#include <stdint.h>

#include "worker/device.h"

typedef struct DeviceExam {
        void *module;
        const DeviceDriver *driver;
        Device *device;
} DeviceExam;

/** device_exam_driver() - Loads the driver. */
const DeviceDriver *device_exam_driver(void **ret_module);

DeviceExam device_exam_open(void);
void device_exam_close(DeviceExam *exam);

/** device_exam_allocate() - Memory of the device; ends the test where there is none. */
DeviceMemory *device_exam_allocate(DeviceExam *exam, size_t size);

/* Blocks that are on the device, too. Some rows hold no template. */
typedef struct DeviceGallery {
        size_t dimension;
        uint32_t n_blocks;
        uint8_t *blocks;
        DeviceMemory *memory;
} DeviceGallery;

DeviceGallery device_gallery_new(DeviceExam *exam, size_t dimension, uint32_t n_blocks, uint64_t *chance);
/** device_gallery_send() - Writes some blocks to the device. */
void device_gallery_send(DeviceExam *exam, const DeviceGallery *gallery, uint32_t first, uint32_t n);
void device_gallery_free(DeviceExam *exam, DeviceGallery *gallery);

typedef struct DeviceProbes {
        size_t n;
        int8_t *digits;
        ScanProbe *probes;
        float *floors;
} DeviceProbes;

/** device_probes_new() - All digits may be as large as there are. They are not on the device yet. */
DeviceProbes device_probes_new(size_t n, size_t dimension, bool two, uint64_t *chance);
void device_probes_set(DeviceExam *exam, const DeviceProbes *probes, size_t dimension);
void device_probes_free(DeviceProbes *probes);

/** device_exam_upper() - The bound of a row, by plain sums. */
float device_exam_upper(const DeviceGallery *gallery, size_t row, const ScanProbe *probe);

typedef struct DeviceRange {
        uint32_t first, n, step;
        uint32_t most;
} DeviceRange;

/** device_floors_set() - Each floor is the bound of one of the rows, so that some lie above it, some below, and one is equal to it; or INFINITY. */
void device_floors_set(const DeviceGallery *gallery, DeviceProbes *probes, uint64_t *chance);

/**
 * device_exam_scan() - Scans, and ends the test where anything is not as computed here, to the bit.
 * Return: how many rows were handed out.
 */
size_t device_exam_scan(DeviceExam *exam, const DeviceGallery *gallery, const DeviceProbes *probes,
                        const DeviceRange *range);
