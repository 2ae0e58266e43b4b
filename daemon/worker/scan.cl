/*
 * The scan in OpenCL C 1.2: bounds of the rows in a device's memory as worker/scan-kernels.h says, to the bit, of which those that reach their probe's
 * floor are written down.
 *
 * A work-group takes a block at a time, a work-item a part of its rows. The grid is as large as the device is, whatever is asked for; work-groups
 * stride over the positions. Which shape it all has is said at build time (worker/opencl-shape.h):
 *
 *      LANES           rows of a vector: 1, where work-items are what the device does at once, or 8 or 16
 *      GROUPS_ONE      vectors of a work-item, where there is one probe
 *      GROUPS          likewise where there are more
 *      TILE            digits of so many probes are summed up at once, where there are more
 *
 * Rows by themselves are summed up in whole numbers. Vectors of them are in floating point, which processors multiply faster: products of
 * 512 elements are less than 512 * 255 * 128 < 2^24 together, so that no bit is lost.
 */

#pragma OPENCL FP_CONTRACT OFF

#define ROWS 64
#define BASE 64.0f
#define EXACT_STEPS 128

#define JOIN_(a, b) a##b
#define JOIN(a, b)  JOIN_(a, b)

#if LANES == 1
typedef uint Codes;
typedef int Sums;
typedef float Bounds;
typedef char4 Digits; /* of a step */
#define to_bounds(sums)   convert_float(sums)
#define any_of(condition) (condition)
#else
typedef JOIN(uint, LANES) Codes;
typedef JOIN(int, LANES) Sums;
typedef JOIN(float, LANES) Bounds;
typedef float4 Digits;
#define to_bounds(sums)      JOIN(convert_float, LANES)(sums)
#define to_sums(bounds)      JOIN(convert_int, LANES)(bounds)
#define codes_to_float(code) JOIN(convert_float, LANES)(JOIN(as_int, LANES)(code))
#define any_of(condition)    any(condition)
#endif

/* OpenclTask of worker/opencl-shape.h. */
typedef struct Task {
        uint n_blocks;
        uint first;
        uint n;
        uint step;
        uint n_steps;
        uint block_words;
        uint n_probes;
        uint most;
} Task;

/* Of worker/opencl-probes.h. */
typedef struct Constants {
        int start[2];
        float scale;
        float slack;
} Constants;

/* Some of a block's rows. */
typedef struct Part {
        global const uint *block;
        global const uint *next; /* block, to be fetched meanwhile */
        uint first;              /* row of the block */
        uint row;                /* as the memory counts it */
} Part;

/* OpenCL's own prefetch() does nothing on processors, where the address of global memory is an address. */
#if LANES > 1 && defined(__has_builtin)
#if __has_builtin(__builtin_prefetch)
#define fetch(words) __builtin_prefetch((const void *)(uintptr_t)(words), 0, 2)
#endif
#endif

/* --------------------------------------------------------------------------------------------------
 * what is found; the board is that of worker/device-opencl.c */

static void write_down(const Task *task, global uint *board, uint probe, uint row, float upper)
{
        volatile global uint *n_found = board + task->n_probes;

        if (atomic_inc(n_found + 2 + probe) >= task->most)
                return;
        global uint *found = board + 2 * task->n_probes + 2 + 3 * (size_t)atomic_inc(n_found);
        found[0] = probe;
        found[1] = row;
        found[2] = as_uint(upper);
}

static void write_down_some(const Task *task, global uint *board, uint probe, uint row, Bounds upper)
{
#if LANES == 1
        write_down(task, board, probe, row, upper);
#else
        const float floor = as_float(board[probe]);
        float lanes[LANES];

        JOIN(vstore, LANES)(upper, 0, lanes);
        for (uint i = 0; i < LANES; i++)
                if (lanes[i] >= floor)
                        write_down(task, board, probe, row + i, lanes[i]);
#endif
}

/* How many blocks this work-group has been through. */
static void note_scanned(const Task *task, global uint *board, uint n)
{
        if (get_local_id(0) == 0)
                atomic_add((volatile global uint *)board + task->n_probes + 1, n);
}

/* --------------------------------------------------------------------------------------------------
 * positions */

static global const uint *block_at(const Task *task, global const uint *memory, uint p, uint *ret_number)
{
        *ret_number = ((ulong)task->first + p) * task->step % task->n_blocks;
        return memory + (size_t)*ret_number * task->block_words;
}

/* Where this one is the last, that is fetched once more. */
static Part part_at(const Task *task, global const uint *memory, uint p)
{
        const uint p_next = p + min((uint)get_num_groups(0), task->n - 1 - p);
        Part part = {};
        uint number, ignored;

        part.block = block_at(task, memory, p, &number);
        part.next = block_at(task, memory, p_next, &ignored);
        part.row = number * ROWS;
        return part;
}

/* --------------------------------------------------------------------------------------------------
 * sums; as many of each of a tile's digits as there are vectors, and all their numbers known when this is compiled */

#if LANES == 1
static void add_up(const Task *task, const Part *part, global const Digits *digits, Sums *sums,
                   const uint n_sums, const uint n_groups)
{
        global const Codes *codes = part->block + part->first;

        for (uint step = 0; step < task->n_steps; step++, codes += ROWS, digits += n_sums)
#pragma unroll
                for (uint group = 0; group < n_groups; group++) {
                        const uchar4 code = as_uchar4(codes[group]);
#pragma unroll
                        for (uint i = 0; i < n_sums; i++)
                                sums[i * n_groups + group] += code.x * digits[i].x + code.y * digits[i].y +
                                                              code.z * digits[i].z + code.w * digits[i].w;
                }
}
#else
static void add_step(global const Codes *codes, global const Digits *digits, Bounds *products,
                     const uint n_sums, const uint n_groups)
{
#pragma unroll
        for (uint group = 0; group < n_groups; group++) {
                const Codes code = codes[group];
                const Bounds code_0 = codes_to_float(code & 0xff);
                const Bounds code_1 = codes_to_float(code >> 8 & 0xff);
                const Bounds code_2 = codes_to_float(code >> 16 & 0xff);
                const Bounds code_3 = codes_to_float(code >> 24);
#pragma unroll
                for (uint i = 0; i < n_sums; i++) {
                        Bounds *product = &products[i * n_groups + group];
                        *product = fma(code_0, (Bounds)digits[i].x, *product);
                        *product = fma(code_1, (Bounds)digits[i].y, *product);
                        *product = fma(code_2, (Bounds)digits[i].z, *product);
                        *product = fma(code_3, (Bounds)digits[i].w, *product);
                }
        }
}

/* The same step of the next block, where memory is what is waited for: of one probe. */
static void fetch_step(global const uint *next, const uint n_sums, const uint n_groups)
{
#ifdef fetch
        if (n_sums > 2)
                return;
#pragma unroll
        for (uint i = 0; i < n_groups * LANES; i += 16)
                fetch(next + i);
#endif
}

static void add_up(const Task *task, const Part *part, global const Digits *digits, Sums *sums,
                   const uint n_sums, const uint n_groups)
{
        global const uint *words = part->block + part->first, *next = part->next + part->first;

        for (uint step = 0; step < task->n_steps;) {
                const uint end = min(task->n_steps, step + EXACT_STEPS);
                Bounds products[TILE * GROUPS_ONE];

#pragma unroll
                for (uint i = 0; i < n_sums * n_groups; i++)
                        products[i] = 0;
                for (; step < end; step++, words += ROWS, next += ROWS, digits += n_sums) {
                        fetch_step(next, n_sums, n_groups);
                        add_step((global const Codes *)words, digits, products, n_sums, n_groups);
                }
#pragma unroll
                for (uint i = 0; i < n_sums * n_groups; i++)
                        sums[i] += to_sums(products[i]);
        }
}
#endif

/* --------------------------------------------------------------------------------------------------
 * bounds */

/* Out of one or two digits' sums of a probe. */
static void finish(const Task *task, const Part *part, global const Constants *constants, global uint *board,
                   uint probe, const Sums *sums, const uint n_digits, const uint n_groups)
{
        global const float *scales = (global const float *)(part->block + task->n_steps * ROWS) + part->first;
        const Constants of_probe = constants[probe];
        const float floor = as_float(board[probe]);

#pragma unroll
        for (uint group = 0; group < n_groups; group++, scales += LANES) {
                Bounds v = to_bounds(sums[group] + of_probe.start[0]);
                if (n_digits == 2)
                        v = fma((Bounds)BASE, v, to_bounds(sums[n_groups + group] + of_probe.start[1]));
                const Bounds scale = *(global const Bounds *)scales * of_probe.scale;
                const Bounds wide = *(global const Bounds *)(scales + ROWS) + of_probe.slack;
                const Bounds upper = fma(v, scale, wide);
                if (any_of(upper >= floor))
                        write_down_some(task, board, probe, part->row + part->first + group * LANES, upper);
        }
}

#define KERNEL(name, n_digits, n_tile, n_groups)                                                             \
        kernel void name(global const uint *memory, global const uint *probes, global uint *board,           \
                         const Task task)                                                                    \
        {                                                                                                    \
                global const Constants *constants = (global const Constants *)probes;                        \
                global const Digits *all_digits = (global const Digits *)(constants + task.n_probes);        \
                                                                                                             \
                uint n_scanned = 0;                                                                          \
                                                                                                             \
                for (uint p = get_group_id(0); p < task.n; p += get_num_groups(0), n_scanned++) {            \
                        Part part = part_at(&task, memory, p);                                               \
                        for (part.first = get_local_id(0) * n_groups * LANES; part.first < ROWS;             \
                             part.first += get_local_size(0) * n_groups * LANES) {                           \
                                global const Digits *digits = all_digits;                                    \
                                for (uint probe = 0; probe < task.n_probes; probe += n_tile) {               \
                                        Sums sums[n_tile * n_digits * n_groups] = {};                        \
                                        add_up(&task, &part, digits, sums, n_tile * n_digits, n_groups);     \
                                        for (uint i = 0; i < n_tile && probe + i < task.n_probes; i++)       \
                                                finish(&task, &part, constants, board, probe + i,            \
                                                       &sums[i * n_digits * n_groups], n_digits, n_groups);  \
                                        digits += task.n_steps * n_tile * n_digits;                          \
                                }                                                                            \
                        }                                                                                    \
                }                                                                                            \
                note_scanned(&task, board, n_scanned);                                                       \
        }

KERNEL(one_probe_one_digit, 1, 1, GROUPS_ONE)
KERNEL(one_probe_two_digits, 2, 1, GROUPS_ONE)
KERNEL(probes_one_digit, 1, TILE, GROUPS)
KERNEL(probes_two_digits, 2, (TILE / 2), GROUPS)
