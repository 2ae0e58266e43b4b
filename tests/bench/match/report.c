/*
 * Tables and JSON.
 */

#include "report.h"

#include <stdio.h>

#include "base/macro.h"

enum { REPORT_LISTS_WANTED = 10000 };

/* ------------------------------------------------------------------------------------------------------ cells */

static const char report_columns[] =
        "  ms/query    the median of measurements that were taken in turn with the others'; least: the "
        "smallest\n"
        "  x peer      how many times as long the fastest exact peer takes (FAISS or OpenBLAS), by medians\n"
        "  of limit    the time that this machine needs at least, by the time that was needed. That is the\n"
        "              longer of two, which are measured in the same turns: reading the codes once a pass;\n"
        "              multiplying as much as the pass does, in the cache, by the same instructions\n"
        "  lists       ten best that were held against brute force in double precision. Wrong: another row "
        "or\n"
        "              order; of an engine, also another bit of a similarity. Peers compute in float32, and\n"
        "              may differ where rows are nearly alike\n"
        "  *           near-duplicates, which no bound tells apart (with --all, also half of a gallery)\n";

void report_begin(const Report *report)
{
        if (report->json)
                return;
        printf("match on %s, %zu processors%s. OpenBLAS: %s kernels, OPENBLAS_CORETYPE=%s.\n\n%s\n%9s %5s "
               "%3s "
               "%5s  %-23s %10s %10s %7s %9s %6s %6s\n",
               report->machine->processor, report->machine->n_processors,
               report->busy ? ", busy: times are the processor's" : "", peers_core(), report->core_type,
               report_columns, "templates", "dims", "thr", "batch", "", "ms/query", "least", "x peer",
               "of limit", "lists", "wrong");
}

static double ratio_of(const ContestCell *cell, ContestWho who)
{
        ContestWho peer = contest_best_peer(cell);

        return peer == CONTEST_N ? 0 : cell->figures[peer].median / cell->figures[who].median;
}

static double share_of(const ContestCell *cell, ContestWho who)
{
        return contest_limit(cell, who) / cell->figures[who].median;
}

static void print_figure(const ContestCell *cell, ContestWho who)
{
        const ContestFigure *figure = &cell->figures[who];

        printf("%9zu %5zu %3zu %5zu%c %-23s %10.4f %10.4f", cell->n_rows, cell->dimension, cell->n_threads,
               cell->batch, cell->n_alike > 0 ? '*' : ' ', contest_name(who), figure->median, figure->min);
        if (who < CONTEST_ENGINES) {
                printf(" %7.2f", ratio_of(cell, who));
                if (contest_limit(cell, who) > 0)
                        printf(" %7.0f %%", 100 * share_of(cell, who));
                else
                        printf(" %9s", "");
        } else {
                printf(" %7s %9s", "", "");
        }
        if (figure->n_lists > 0)
                printf(" %6zu %6zu", figure->n_lists, figure->n_wrong);
        printf("\n");
}

void report_add(Report *report, const ContestCell *cell)
{
        if (report->n_cells == REPORT_CELLS_MAX)
                return;
        report->cells[report->n_cells++] = *cell;
        for (size_t who = 0; !report->json && who < CONTEST_N; who++)
                if (cell->figures[who].measured)
                        print_figure(cell, who);
        (void)fflush(stdout); /* Where nobody reads any more, the end of the program says so. */
}

static void print_cell_json(const ContestCell *cell)
{
        bool any = false;

        printf("  "
               "{\"templates\":%zu,\"nearDuplicates\":%zu,\"dimension\":%zu,\"threads\":%zu,\"batch\":%zu,"
               "\"measured\":[",
               cell->n_rows, cell->n_alike, cell->dimension, cell->n_threads, cell->batch);
        for (size_t who = 0; who < CONTEST_N; who++) {
                const ContestFigure *figure = &cell->figures[who];
                if (!figure->measured)
                        continue;
                printf("%s\n   "
                       "{\"what\":\"%s\",\"msPerQuery\":%.6g,\"leastMsPerQuery\":%.6g,\"lists\":%zu,"
                       "\"wrong\":%zu",
                       any ? "," : "", contest_name(who), figure->median, figure->min, figure->n_lists,
                       figure->n_wrong);
                if (who < CONTEST_ENGINES)
                        printf(",\"timesBestPeer\":%.4g", ratio_of(cell, who));
                if (who < CONTEST_ENGINES && contest_limit(cell, who) > 0)
                        printf(",\"ofLimit\":%.4g", share_of(cell, who));
                printf("}");
                any = true;
        }
        printf("]}");
}

/* ------------------------------------------------------------------------------------------------------- aims */

typedef enum AimMeasure {
        AIM_TIMES_PEER, /* at least so many times as fast as the best exact peer */
        AIM_OF_LIMIT,   /* at least such a share of the limit */
        AIM_COST,       /* at most so many times the time of the best exact peer */
} AimMeasure;

typedef struct Aim {
        const char *text;
        size_t n_rows;
        bool alike;
        size_t batch;
        ContestWho who;
        AimMeasure measure;
        double wanted;
} Aim;

/* All for 512 dimensions and one thread. */
static const Aim report_aims[] = {
        {"1M, batch 1, of reading", 1000000, false, 1, CONTEST_VNNI, AIM_OF_LIMIT, 0.9},
        {"1M, batch 1, x peer", 1000000, false, 1, CONTEST_VNNI, AIM_TIMES_PEER, 4},
        {"1M, batch 16, x peer", 1000000, false, 16, CONTEST_VNNI, AIM_TIMES_PEER, 9},
        {"1M, batch 256, x peer", 1000000, false, 256, CONTEST_VNNI, AIM_TIMES_PEER, 5},
        {"1M, batch 256, of int8", 1000000, false, 256, CONTEST_VNNI, AIM_OF_LIMIT, 0.85},
        {"10k, batch 1, x peer", 10000, false, 1, CONTEST_VNNI, AIM_TIMES_PEER, 4},
        {"10k, batch 256, x peer", 10000, false, 256, CONTEST_VNNI, AIM_TIMES_PEER, 4},
        {"1M, AVX2 only, batch 1, x peer", 1000000, false, 1, CONTEST_AVX2, AIM_TIMES_PEER, 3.2},
        {"1M, AVX2 only, batch 256, x peer", 1000000, false, 256, CONTEST_AVX2, AIM_TIMES_PEER, 2.5},
        {"100k near-duplicates, batch 1, x float32 scan", 100000, true, 1, CONTEST_VNNI, AIM_COST, 1.3},
        {"100k near-duplicates, batch 16, x float32", 100000, true, 16, CONTEST_VNNI, AIM_COST, 1.3},
        {"100k near-duplicates, batch 256, x float32", 100000, true, 256, CONTEST_VNNI, AIM_COST, 1.3},
};

static const ContestCell *find_cell(const Report *report, const Aim *aim)
{
        for (size_t i = 0; i < report->n_cells; i++) {
                const ContestCell *cell = &report->cells[i];
                if (cell->n_rows == aim->n_rows && (cell->n_alike > 0) == aim->alike &&
                    cell->dimension == 512 && cell->n_threads == 1 && cell->batch == aim->batch &&
                    cell->figures[aim->who].measured)
                        return cell;
        }
        return NULL;
}

/* What came of it, in a cell where it was measured. */
static double reached(const ContestCell *cell, const Aim *aim)
{
        switch (aim->measure) {
        case AIM_TIMES_PEER:
                return ratio_of(cell, aim->who);
        case AIM_OF_LIMIT:
                return share_of(cell, aim->who);
        case AIM_COST:
                return 1 / ratio_of(cell, aim->who);
        }
        return 0;
}

static bool is_met(const Aim *aim, double value)
{
        return aim->measure == AIM_COST ? value <= aim->wanted : value >= aim->wanted;
}

static void print_aim(const ContestCell *cell, const Aim *aim)
{
        printf("  %-46s %4s %5.2f", aim->text, aim->measure == AIM_COST ? "<=" : ">=", aim->wanted);
        if (!cell) {
                printf(" %10s %10s  not measured\n", "-", "-");
                return;
        }
        ContestCell least = contest_least(cell);
        double value = reached(cell, aim);
        printf(" %10.2f %10.2f", value, reached(&least, aim));
        if (is_met(aim, value))
                printf("  met\n");
        else
                printf("  missed: %.0f %% of it\n",
                       100 * (aim->measure == AIM_COST ? aim->wanted / value : value / aim->wanted));
}

static void print_aims(const Report *report, size_t n_lists, size_t n_wrong)
{
        printf("\nAims, for 512 dimensions and one thread (by the medians, and by the least times)\n  %-46s "
               "%10s "
               "%10s %10s\n",
               "", "wanted", "reached", "by least");
        printf("  %-46s %10d %10zu %10s  %s\n", "lists compared, all engines", REPORT_LISTS_WANTED, n_lists,
               "", n_lists >= REPORT_LISTS_WANTED ? "met" : "too few");
        printf("  %-46s %10d %10zu %10s  %s\n", "wrong lists", 0, n_wrong, "",
               n_wrong == 0 ? "met" : "MISSED");
        for (size_t i = 0; i < ARRAY_SIZE(report_aims); i++)
                print_aim(find_cell(report, &report_aims[i]), &report_aims[i]);
}

static void print_aims_json(const Report *report, size_t n_lists, size_t n_wrong)
{
        printf("\n ],\n \"lists\":%zu,\"wrong\":%zu,\n \"aims\":[", n_lists, n_wrong);
        for (size_t i = 0; i < ARRAY_SIZE(report_aims); i++) {
                const Aim *aim = &report_aims[i];
                const ContestCell *cell = find_cell(report, aim);
                printf("%s\n  {\"aim\":\"%s\",\"wanted\":%g,", i > 0 ? "," : "", aim->text, aim->wanted);
                if (cell)
                        printf("\"reached\":%.4g,\"met\":%s}", reached(cell, aim),
                               is_met(aim, reached(cell, aim)) ? "true" : "false");
                else
                        printf("\"reached\":null}");
        }
        printf("\n ]}\n");
}

bool report_end(const Report *report)
{
        size_t n_lists = 0, n_wrong = 0;

        for (size_t i = 0; i < report->n_cells; i++)
                for (size_t who = 0; who < CONTEST_ENGINES; who++) {
                        n_lists += report->cells[i].figures[who].n_lists;
                        n_wrong += report->cells[i].figures[who].n_wrong;
                }
        if (!report->json) {
                print_aims(report, n_lists, n_wrong);
                return n_wrong == 0;
        }
        printf("{\"processor\":\"%s\",\"processors\":%zu,\"processorTime\":%s,\"openblasCore\":\"%s\","
               "\"openblasCoreType\":\"%s\","
               "\"k\":%d,\n \"cells\":[\n",
               report->machine->processor, report->machine->n_processors, report->busy ? "true" : "false",
               peers_core(), report->core_type, TRIAL_K);
        for (size_t i = 0; i < report->n_cells; i++) {
                printf("%s", i > 0 ? ",\n" : "");
                print_cell_json(&report->cells[i]);
        }
        print_aims_json(report, n_lists, n_wrong);
        return n_wrong == 0;
}
