/*
 * Distances of words: letters to change, leave out, put in, or swap with their neighbour, upper and lower case
 * being the same. Near is what differs in at most a third of its letters, and in at most three of them:
 * "Orgnisation" is near to "Organisation", "x" to nothing. Pure; used by whoever words a fault.
 */

#include "policy/suggest.h"

#include <ctype.h>
#include <stdbool.h>
#include <string.h>

#include "base/macro.h"

enum {
        SUGGEST_LENGTH_MAX = 64, /* of words that are looked at: names have at most 63 bytes */
        SUGGEST_DISTANCE_MAX = 3,
        SUGGEST_FAR = 100, /* a cell that no near pair of words needs */
};

/* Distances between the first i letters of one word and the first j of another. */
typedef struct SuggestTable {
        unsigned char cells[SUGGEST_LENGTH_MAX + 1][SUGGEST_LENGTH_MAX + 1];
} SuggestTable;

static bool suggest_same(char a, char b)
{
        return tolower((unsigned char)a) == tolower((unsigned char)b);
}

static size_t suggest_cell(const SuggestTable *table, const char *a, const char *b, size_t i, size_t j)
{
        size_t least = table->cells[i - 1][j - 1] + !suggest_same(a[i - 1], b[j - 1]);

        least = MIN_OF(least, MIN_OF(table->cells[i - 1][j], table->cells[i][j - 1]) + 1u);
        if (i > 1 && j > 1 && suggest_same(a[i - 1], b[j - 2]) && suggest_same(a[i - 2], b[j - 1]))
                least = MIN_OF(least, table->cells[i - 2][j - 2] + 1u);
        return least;
}

/* The distance of two words, or SUGGEST_FAR. Only cells near the diagonal can lie on a way that is short
 * enough: a policy may hold thousands of names. */
static size_t suggest_distance(const char *a, const char *b)
{
        size_t n_a = strlen(a), n_b = strlen(b);
        SuggestTable table;

        if (n_a > SUGGEST_LENGTH_MAX || n_b > SUGGEST_LENGTH_MAX || n_a > n_b + SUGGEST_DISTANCE_MAX ||
            n_b > n_a + SUGGEST_DISTANCE_MAX)
                return SUGGEST_FAR;
        memset(&table, SUGGEST_FAR, sizeof(table));
        for (size_t i = 0; i <= SUGGEST_DISTANCE_MAX; i++)
                table.cells[i][0] = table.cells[0][i] = (unsigned char)i;
        for (size_t i = 1; i <= n_a; i++) {
                size_t first = i > SUGGEST_DISTANCE_MAX ? i - SUGGEST_DISTANCE_MAX : 1, least = SUGGEST_FAR;
                for (size_t j = first; j <= MIN_OF(n_b, i + SUGGEST_DISTANCE_MAX); j++) {
                        table.cells[i][j] = (unsigned char)suggest_cell(&table, a, b, i, j);
                        least = MIN_OF(least, table.cells[i][j]);
                }
                if (least > SUGGEST_DISTANCE_MAX)
                        return SUGGEST_FAR;
        }
        return table.cells[n_a][n_b];
}

Suggestion suggest_for(const char *word)
{
        return (Suggestion){.word = word, .distance = SUGGEST_FAR};
}

void suggest_offer(Suggestion *suggestion, const char *right)
{
        size_t distance = suggest_distance(suggestion->word, right);
        size_t longest = MAX_OF(strlen(suggestion->word), strlen(right));

        if (distance > SUGGEST_DISTANCE_MAX || 3 * distance > longest || distance >= suggestion->distance)
                return;
        suggestion->best = right;
        suggestion->distance = distance;
}

void suggest_append(const Suggestion *suggestion, Buffer *text)
{
        if (suggestion->best)
                buffer_append_format(text, "; did you mean '%s'?", suggestion->best);
}
