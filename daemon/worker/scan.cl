/*
 * The scan in OpenCL C 1.2: bounds of rows of a device's memory as worker/scan-kernels.h says, to the bit, of which those that reach their probe's floor are written down.
 *
 * Which shape it has is said at build time (worker/opencl-shape.h):
 *
 *      LANES           rows of a vector: 1, or 16
 *      GROUPS          vectors of a work-item
 *      TILE            digits of probes that a work-item sums up at once, where there is more than one probe
 *
 * A work-group takes a block of CODES_ROWS rows at a time, so it has 64 / (LANES * GROUPS) work-items. A grid is as large as the device is, whatever is asked for;
 * its work-groups stride over the positions.
 */

#pragma OPENCL FP_CONTRACT OFF

#define ROWS 64
#define BASE 64.0f
#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)

#if LANES == 1
typedef uint Codes;
typedef int Sums;
typedef float Bounds;
#define to_bounds(sums) convert_float(sums)
#define to_sums(codes) ((int)(codes))
#define any_of(condition) (condition)
#else
typedef JOIN(uint, LANES) Codes;
typedef JOIN(int, LANES) Sums;
typedef JOIN(float, LANES) Bounds;
#define to_bounds(sums) JOIN(convert_float, LANES)(sums)
#define to_sums(codes) JOIN(as_int, LANES)(codes)
#define any_of(condition) any(condition)
#endif

/* As in worker/opencl-shape.h. */
typedef struct Task {
        uint n_blocks;
        uint first;
        uint n;
        uint step;
        uint n_steps;     /* of four elements */
        uint block_words; /* of 4 bytes, in a block */
        uint n_probes;
        uint most;
} Task;

typedef struct Constants {
        int start[2];
        float scale;
        float slack;
} Constants;

/* The board: floors [n_probes], how many were written down, counts [n_probes], and then what was, three words each. */

void write_down(const Task *task, global uint *board, uint probe, uint row, float upper)
{
        volatile global uint *counters = board + task->n_probes;

        if (atomic_inc(counters + 1 + probe) >= task->most)
                return;
        global uint *found = board + 2 * task->n_probes + 1 + 3 * (size_t)atomic_inc(counters);
        found[0] = probe;
        found[1] = row;
        found[2] = as_uint(upper);
}

void write_down_all(const Task *task, global uint *board, uint probe, uint row, Bounds upper)
{
        const float floor = as_float(board[probe]);

#if LANES == 1
        write_down(task, board, probe, row, upper);
#else
        float bounds[LANES];

        JOIN(vstore, LANES)(upper, 0, bounds);
        for (uint i = 0; i < LANES; i++)
                if (bounds[i] >= floor)
                        write_down(task, board, probe, row + i, bounds[i]);
#endif
}

/* The products of four codes of each row with four digits, added up. */
Sums four_products(Codes codes, uint digits)
{
        const char4 digit = as_char4(digits);

        return to_sums(codes & 0xff) * digit.x + to_sums(codes >> 8 & 0xff) * digit.y +
               to_sums(codes >> 16 & 0xff) * digit.z + to_sums(codes >> 24) * digit.w;
}

/* A work-item's rows of a block, and @n_sums digits of probes. */
#define SUM_UP(n_sums)                                                                                       \
        for (uint i = 0; i < n_sums; i++)                                                                    \
                for (uint group = 0; group < GROUPS; group++)                                                \
                        sums[i][group] = 0;                                                                  \
        for (uint step = 0; step < task.n_steps; step++) {                                                   \
                _Pragma("unroll") for (uint group = 0; group < GROUPS; group++)                              \
                {                                                                                            \
                        const Codes codes = block[step * (ROWS / LANES) + group];                            \
                        _Pragma("unroll") for (uint i = 0; i < n_sums; i++) sums[i][group] +=                \
                                four_products(codes, digits[step * n_sums + i]);                             \
                }                                                                                            \
        }

/* The bounds of a probe's similarity to a work-item's rows, out of one or two digits' sums. */
void finish(const Task *task, global const uint *block_words, uint block_row, const Sums *sums_first, const Sums *sums_second,
            global const Constants *constants, uint probe, global uint *board)
{
        global const float *scales = (global const float *)(block_words + (size_t)task->n_steps * ROWS);
        const Constants c = constants[probe];
        const float floor = as_float(board[probe]);
        const uint lane_row = get_local_id(0) * GROUPS * LANES;

        for (uint group = 0; group < GROUPS; group++) {
                const uint row = lane_row + group * LANES;
                Bounds v = to_bounds(sums_first[group] + c.start[0]);
                if (sums_second)
                        v = fma((Bounds)BASE, v, to_bounds(sums_second[group] + c.start[1]));
                const Bounds scale = *(global const Bounds *)(scales + row) * c.scale;
                const Bounds wide = *(global const Bounds *)(scales + ROWS + row) + c.slack;
                const Bounds upper = fma(v, scale, wide);
                if (any_of(upper >= floor))
                        write_down_all(task, board, probe, block_row + row, upper);
        }
}

/* A kernel for probes of @n_digits digits, of which it takes @n_probes_tile at once. */
#define KERNEL(name, n_digits, n_probes_tile)                                                                \
        kernel void name(global const uint *memory, global const uint *probes, global uint *board,           \
                         const Task task)                                                                    \
        {                                                                                                    \
                global const Constants *constants = (global const Constants *)probes;                        \
                global const uint *all_digits = (global const uint *)(constants + task.n_probes);            \
                for (uint p = get_group_id(0); p < task.n; p += get_num_groups(0)) {                         \
                        const uint position = task.first + p;                                                \
                        const uint number = (uint)((ulong)position * task.step % task.n_blocks);             \
                        global const uint *words = memory + (size_t)number * task.block_words;               \
                        global const Codes *block = (global const Codes *)words + get_local_id(0) * GROUPS;  \
                        for (uint probe = 0; probe < task.n_probes; probe += n_probes_tile) {                \
                                global const uint *digits = all_digits + (size_t)probe * n_digits * task.n_steps; \
                                Sums sums[n_probes_tile * n_digits][GROUPS];                                 \
                                SUM_UP(n_probes_tile *n_digits)                                              \
                                for (uint i = 0; i < n_probes_tile && probe + i < task.n_probes; i++)        \
                                        finish(&task, words, number * ROWS, sums[i * n_digits],              \
                                               n_digits == 2 ? sums[i * n_digits + 1] : 0, constants,        \
                                               probe + i, board);                                            \
                        }                                                                                    \
                }                                                                                            \
        }

KERNEL(one_probe_one_digit, 1, 1)
KERNEL(one_probe_two_digits, 2, 1)
KERNEL(probes_one_digit, 1, TILE)
KERNEL(probes_two_digits, 2, TILE / 2)
