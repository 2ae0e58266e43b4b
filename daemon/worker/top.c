/*
 * The best k of distinct rows or subjects.
 */

#include "worker/top.h"

#include <math.h>

#include "base/macro.h"

static bool comes_before(const Top *top, const EngineHit *a, const EngineHit *b)
{
        if (a->similarity != b->similarity)
                return a->similarity > b->similarity;
        return top->order && top->order(top->order_data, a->row, b->row) < 0;
}

static void put(Top *top, size_t i, EngineHit hit, uint32_t subject)
{
        top->hits[i] = hit;
        if (top->subjects)
                top->subjects[i] = subject;
}

static void exchange(Top *top, size_t a, size_t b)
{
        EngineHit hit = top->hits[a];
        uint32_t subject = top->subjects ? top->subjects[a] : 0;

        put(top, a, top->hits[b], top->subjects ? top->subjects[b] : 0);
        put(top, b, hit, subject);
}

static void sift_up(Top *top, size_t i)
{
        while (i > 0 && comes_before(top, &top->hits[(i - 1) / 2], &top->hits[i])) {
                exchange(top, i, (i - 1) / 2);
                i = (i - 1) / 2;
        }
}

/* Of the first @n alone. */
static void sift_down(Top *top, size_t i, size_t n)
{
        for (;;) {
                size_t child = 2 * i + 1;
                if (child >= n)
                        return;
                if (child + 1 < n && comes_before(top, &top->hits[child], &top->hits[child + 1]))
                        child++;
                if (!comes_before(top, &top->hits[i], &top->hits[child]))
                        return;
                exchange(top, i, child);
                i = child;
        }
}

/* Where the subject is among the hits; `n` where it is not. Groups of constant size are compared all at once. */
static size_t find(const Top *top, uint32_t subject)
{
        enum { GROUP = 8 };
        size_t i = 0;

        for (; i + GROUP <= top->n; i += GROUP) {
                uint32_t found = 0;
                for (size_t j = 0; j < GROUP; j++)
                        found |= top->subjects[i + j] == subject;
                if (found)
                        break;
        }
        while (i < top->n && top->subjects[i] != subject)
                i++;
        return i;
}

void top_offer(Top *top, EngineHit hit, uint32_t subject)
{
        if (top->n == top->k && !comes_before(top, &hit, &top->hits[0]))
                return;
        size_t i = top->subjects ? find(top, subject) : top->n;
        if (i < top->n) {
                if (!comes_before(top, &hit, &top->hits[i]))
                        return;
        } else if (top->n < top->k) {
                put(top, top->n, hit, subject);
                sift_up(top, top->n++);
                return;
        } else {
                i = 0;
        }
        put(top, i, hit, subject);
        sift_down(top, i, top->n);
}

double top_least(const Top *top)
{
        return top->n == top->k ? top->hits[0].similarity : (double)-INFINITY;
}

void top_sort(Top *top)
{
        for (size_t n = top->n; n-- > 1;) {
                exchange(top, 0, n);
                sift_down(top, 0, n);
        }
}
