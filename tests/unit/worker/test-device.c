/*
 * Drivers of devices: bounds to the bit, and nothing left behind.
 */

#include <math.h>

#include "device-exam.h"
#include "scratch.h"

static void scan_everything(DeviceExam *exam, size_t dimension, size_t n_probes, bool two, uint64_t *chance)
{
        DeviceGallery gallery = device_gallery_new(exam, dimension, 3, chance);
        DeviceProbes probes = device_probes_new(n_probes, dimension, two, chance);

        device_floors_set(&gallery, &probes, chance);
        device_probes_set(exam, &probes, dimension);
        device_exam_scan(exam, &gallery, &probes, &(DeviceRange){.n = 3, .step = 1, .most = 3 * CODES_ROWS});
        device_probes_free(&probes);
        device_gallery_free(exam, &gallery);
}

Test(device, gives_the_bounds_of_one_probe_in_every_dimension)
{
        DeviceExam exam = device_exam_open();
        uint64_t chance = 1;

        for (size_t dimension = 1; dimension <= 70; dimension++)
                scan_everything(&exam, dimension, 1, dimension % 2 == 0, &chance);
        static const size_t dimensions[] = {127, 128, 512, 1000, 4096};
        for (size_t i = 0; i < sizeof(dimensions) / sizeof(dimensions[0]); i++) {
                scan_everything(&exam, dimensions[i], 1, false, &chance);
                scan_everything(&exam, dimensions[i], 1, true, &chance);
        }
        device_exam_close(&exam);
}

Test(device, gives_the_bounds_of_any_number_of_probes)
{
        DeviceExam exam = device_exam_open();
        uint64_t chance = 2;

        for (size_t n = 1; n <= 33; n++) {
                scan_everything(&exam, 64 + n, n, false, &chance);
                scan_everything(&exam, 64 + n, n, true, &chance);
        }
        scan_everything(&exam, 24, DEVICE_PROBES_MAX, false, &chance);
        scan_everything(&exam, 24, DEVICE_PROBES_MAX, true, &chance);
        device_exam_close(&exam);
}
