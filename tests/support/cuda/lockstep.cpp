/*
 * Threads of a block as coroutines. A warp's 32 lanes each run until they meet in something that a warp or a block does together; if it is not the same
 * for all, the kernel is at fault. So is one that ends with some of the threads that others wait for.
 *
 * What a GPU leaves open is done in one way in some blocks and in the opposite one in others: which warp runs first after a barrier, and whether
 * an asynchronous copy happens when it is begun or when it is waited for.
 */

#include "lockstep.h"

#include <csetjmp>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <sys/mman.h>
#include <ucontext.h>
#include <vector>

#include "guarded.h"

enum { WARP = 32, STACK_SIZE = 64 * 1024 };

LockstepIndex threadIdx, blockIdx, blockDim;

namespace
{

enum class Meeting { PRODUCT, SHUFFLE, BARRIER, END };

struct Copy {
        void *shared;
        const void *global;
        bool there;
};

/* It runs kernels for ever, one after the other. */
struct Thread {
        ucontext_t beginning;
        jmp_buf jump; /* where it goes on */
        std::vector<char> stack;
        bool has_begun;
        Meeting meeting;
        int32_t *sums; /* of a product */
        const uint32_t *codes, *digits;
        int32_t value; /* of a shuffle */
        uint32_t distance;
        std::vector<Copy> begun;
        std::deque<std::vector<Copy>> groups;
};

jmp_buf scheduler;
std::deque<Thread> threads; /* whose addresses stay */
Thread *running;
const LockstepLaunch *launched;
GuardedMemory shared;
bool copies_are_late;

/* Jumps go from one stack to another, which takes no call of the system as swapcontext(3) would. */
void meet(Meeting meeting)
{
        running->meeting = meeting;
        if (_setjmp(running->jump) == 0)
                _longjmp(scheduler, 1);
}

void run_thread()
{
        for (;;) {
                launched->kernel(launched->parameter);
                meet(Meeting::END);
        }
}

void resume()
{
        if (_setjmp(scheduler) != 0)
                return;
        if (running->has_begun)
                _longjmp(running->jump, 1);
        running->has_begun = true;
        setcontext(&running->beginning);
}

void make_thread()
{
        Thread &thread = threads.emplace_back();

        thread.stack.resize(STACK_SIZE);
        thread.has_begun = false;
        getcontext(&thread.beginning);
        thread.beginning.uc_stack.ss_sp = thread.stack.data();
        thread.beginning.uc_stack.ss_size = thread.stack.size();
        makecontext(&thread.beginning, run_thread, 0);
}

/* The tables of PTX ISA for mma.m16n8k32, element by element: which register of which lane has it. */

uint8_t code_at(uint32_t warp, uint32_t row, uint32_t k)
{
        uint32_t lane = row % 8 * 4 + k % 16 / 4, element = (row / 8 + k / 16 * 2) * 4 + k % 4;

        return (uint8_t)(threads[warp + lane].codes[element / 4] >> element % 4 * 8);
}

int8_t digit_at(uint32_t warp, uint32_t k, uint32_t column)
{
        uint32_t lane = column * 4 + k % 16 / 4, element = k / 16 * 4 + k % 4;

        return (int8_t)(threads[warp + lane].digits[element / 4] >> element % 4 * 8);
}

void multiply(uint32_t warp)
{
        for (uint32_t row = 0; row < 16; row++)
                for (uint32_t column = 0; column < 8; column++) {
                        uint32_t lane = row % 8 * 4 + column / 2, element = row / 8 * 2 + column % 2;
                        int32_t sum = threads[warp + lane].sums[element];
                        for (uint32_t k = 0; k < 32; k++)
                                sum += (int32_t)code_at(warp, row, k) * digit_at(warp, k, column);
                        threads[warp + lane].sums[element] = sum;
                }
}

void shuffle(uint32_t warp)
{
        int32_t values[WARP];

        for (uint32_t lane = 0; lane < WARP; lane++)
                values[lane] = threads[warp + lane].value;
        for (uint32_t lane = 0; lane < WARP; lane++)
                threads[warp + lane].value = values[lane ^ threads[warp + lane].distance];
}

/* Until the lanes meet. */
Meeting run_lanes(uint32_t first)
{
        for (uint32_t lane = 0; lane < WARP; lane++) {
                running = &threads[first + lane];
                threadIdx.x = first + lane;
                resume();
        }
        for (uint32_t lane = 1; lane < WARP; lane++)
                if (threads[first + lane].meeting != threads[first].meeting)
                        lockstep_fail("the lanes of a warp part where all have to be");
        return threads[first].meeting;
}

/* Until it has to wait for others, or ends. */
Meeting run_warp(uint32_t first)
{
        for (;;) {
                Meeting meeting = run_lanes(first);
                if (meeting == Meeting::PRODUCT)
                        multiply(first);
                else if (meeting == Meeting::SHUFFLE)
                        shuffle(first);
                else
                        return meeting;
        }
}

void run_block(uint32_t number)
{
        bool backwards = number % 2 == 1;
        uint32_t n_warps = launched->n_threads / WARP;

        blockIdx.x = number;
        copies_are_late = number / 2 % 2 == 0;
        memset(shared.bytes, 0xc0 + number % 64, launched->shared);
        for (Thread &thread : threads)
                thread.groups.clear();
        for (bool ended = false; !ended;) {
                uint32_t n_ended = 0;
                for (uint32_t i = 0; i < n_warps; i++)
                        n_ended += run_warp((backwards ? n_warps - 1 - i : i) * WARP) == Meeting::END;
                if (n_ended != 0 && n_ended != n_warps)
                        lockstep_fail("a warp waits for one that has ended");
                ended = n_ended != 0;
        }
        for (const Thread &thread : threads)
                for (const std::vector<Copy> &group : thread.groups)
                        if (!group.empty())
                                lockstep_fail("a thread ends before what it copies is there");
}

void copy(const Copy &copy)
{
        if (copy.there)
                memcpy(copy.shared, copy.global, 16);
        else
                memset(copy.shared, 0, 16);
}

} // namespace

void lockstep_fail(const char *what)
{
        fprintf(stderr, "kernel: block %u, thread %u: %s\n", blockIdx.x, threadIdx.x, what);
        abort();
}

void __syncthreads(void)
{
        meet(Meeting::BARRIER);
}

int32_t __shfl_xor_sync(uint32_t lanes, int32_t value, uint32_t distance)
{
        if (lanes != UINT32_MAX || distance >= WARP)
                lockstep_fail("a shuffle among some lanes");
        running->value = value;
        running->distance = distance;
        meet(Meeting::SHUFFLE);
        return running->value;
}

void lockstep_product(int32_t *sums, const uint32_t *codes, const uint32_t *digits)
{
        running->sums = sums;
        running->codes = codes;
        running->digits = digits;
        meet(Meeting::PRODUCT);
}

void lockstep_copy(void *to, const void *from, bool there)
{
        const Copy begun = {to, from, there};

        if ((uintptr_t)to % 16 != 0 || (uintptr_t)from % 16 != 0)
                lockstep_fail("an address that is not aligned is copied");
        if (copies_are_late)
                running->begun.push_back(begun);
        else
                copy(begun);
}

void lockstep_copy_group(void)
{
        running->groups.push_back(std::move(running->begun));
        running->begun.clear();
}

void lockstep_copy_wait(uint32_t later)
{
        for (; running->groups.size() > later; running->groups.pop_front())
                for (const Copy &begun : running->groups.front())
                        copy(begun);
}

uint8_t *lockstep_shared_memory(void)
{
        return shared.bytes;
}

void lockstep_run(const LockstepLaunch &launch)
{
        launched = &launch;
        blockDim.x = launch.n_threads;
        while (threads.size() < launch.n_threads)
                make_thread();
        shared = guarded_new((launch.shared + 15) / 16 * 16); /* Its beginning is aligned on a GPU. */
        for (uint32_t i = 0; i < launch.n_blocks; i++)
                run_block(i);
        guarded_free(shared);
}
