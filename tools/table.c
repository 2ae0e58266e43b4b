/*
 * Table: lays out rows. Knows nothing of what they hold.
 */

#include "tools/table.h"

#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/macro.h"
#include "base/text.h"

enum { TABLE_COLUMNS_MAX = 16, TABLE_GAP = 2 };

/* How much of a text goes into one line of a column. */
static size_t piece_length(const char *text, size_t width)
{
        size_t n = strlen(text);

        if (n <= width)
                return n;
        for (n = width; n > 0 && text[n] != ' '; n--)
                ;
        if (n > 0)
                return n;
        for (n = width; n > 1 && text[n - 1] != '-'; n--)
                ;
        return n > 1 ? n : width;
}

/* Writes one line's piece of a cell. Return: where the cell goes on. */
static const char *put_piece(FILE *out, const TableColumn *column, const char *cell, size_t *gap)
{
        size_t n = column->right ? strlen(cell) : piece_length(cell, column->width);
        size_t pad = n < column->width ? column->width - n : 0;

        if (n > 0) {
                size_t before = *gap + (column->right ? pad : 0);
                fprintf(out, "%*s%.*s", (int)before, "", (int)n, cell);
                *gap = column->right ? 0 : pad;
        } else
                *gap += pad;
        *gap += TABLE_GAP;
        return cell + n + strspn(cell + n, " ");
}

void table_row(FILE *out, const TableColumn *columns, size_t n, const char *const *cells)
{
        const char *rest[TABLE_COLUMNS_MAX];
        bool more = true;

        assert(n <= TABLE_COLUMNS_MAX);
        memcpy(rest, cells, n * sizeof(*rest));
        while (more) {
                size_t gap = 0; /* written before the next piece, so that no line ends in spaces */
                more = false;
                for (size_t i = 0; i < n; i++) {
                        rest[i] = put_piece(out, &columns[i], rest[i], &gap);
                        more |= *rest[i] != '\0';
                }
                fputc('\n', out);
        }
}

void table_head(FILE *out, const TableColumn *columns, size_t n)
{
        const char *names[TABLE_COLUMNS_MAX];

        assert(n <= TABLE_COLUMNS_MAX);
        for (size_t i = 0; i < n; i++)
                names[i] = columns[i].name;
        table_row(out, columns, n, names);
}

size_t table_width(void)
{
        const char *text = getenv("COLUMNS");
        struct winsize size;
        uint64_t width = TABLE_WIDTH_DEFAULT;

        if (!text || !text_to_u64(text, strlen(text), &width))
                width = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col
                                                                                        : TABLE_WIDTH_DEFAULT;
        if (width < TABLE_WIDTH_MIN)
                return TABLE_WIDTH_MIN;
        return MIN_OF(width, TABLE_WIDTH_MAX);
}
