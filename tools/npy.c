/*
 * Npy: reads the header of a .npy file, strictly. Used by the tool on files that anybody may have made; must
 * not touch files itself.
 *
 *   offset  size
 *   0       6     "\x93NUMPY"
 *   6       2     version: 1 0, or 2 0
 *   8       2, 4  bytes in the header, little-endian: two in version 1, four in version 2
 *   10, 12  ...   the header: a Python dictionary with exactly the keys 'descr', 'fortran_order' and 'shape',
 *                 in any order, then spaces, then a newline
 *   ...           the values, row after row
 */

#include "tools/npy.h"

#include <stdbool.h>
#include <string.h>

#include "base/macro.h"

enum { LENGTH_AT = 8 };

static const char *const error_texts[] = {
        [NPY_E_MAGIC] = "it is not a .npy file",
        [NPY_E_VERSION] = "its .npy format is neither 1.0 nor 2.0",
        [NPY_E_SHORT] = "it ends within its .npy header",
        [NPY_E_SYNTAX] = "its .npy header is damaged",
        [NPY_E_KEYS] = "its .npy header has not exactly the keys descr, fortran_order and shape",
        [NPY_E_TYPE] = "its values are not little-endian float32; save it with array.astype('<f4')",
        [NPY_E_ORDER] = "its values are in Fortran order; save it with numpy.ascontiguousarray(array)",
        [NPY_E_SHAPE] = "its shape is neither (values,) nor (templates, values)",
        [NPY_E_EMPTY] = "it holds no values",
};

const char *npy_error_text(int ending)
{
        return ending > 0 && ending < (int)ARRAY_SIZE(error_texts) ? error_texts[ending] : "";
}

/* What is left to read of the dictionary. */
typedef struct Text {
        const char *at;
        const char *end;
} Text;

/* What the dictionary said. */
typedef struct Found {
        bool descr, order, shape;
        uint64_t dimensions[2];
        size_t n_dimensions;
} Found;

static void skip_spaces(Text *text)
{
        while (text->at < text->end && *text->at == ' ')
                text->at++;
}

/* Takes @c, with spaces before it, if it comes next. */
static bool take(Text *text, char c)
{
        skip_spaces(text);
        if (text->at == text->end || *text->at != c)
                return false;
        text->at++;
        return true;
}

static bool take_word(Text *text, const char *word)
{
        size_t n = strlen(word);
        skip_spaces(text);
        if ((size_t)(text->end - text->at) < n || memcmp(text->at, word, n) != 0)
                return false;
        text->at += n;
        return true;
}

/* A string in either quotes; no escapes, which no header that we accept needs. */
static bool take_string(Text *text, Text *ret_string)
{
        skip_spaces(text);
        if (text->at == text->end || (*text->at != '\'' && *text->at != '"'))
                return false;
        const char *first = text->at + 1;
        const char *last = memchr(first, *text->at, (size_t)(text->end - first));
        if (!last || memchr(first, '\\', (size_t)(last - first)))
                return false;
        *ret_string = (Text){first, last};
        text->at = last + 1;
        return true;
}

static bool text_is(const Text *text, const char *word)
{
        return (size_t)(text->end - text->at) == strlen(word) && memcmp(text->at, word, strlen(word)) == 0;
}

/* A shortest decimal below 2^48: no file has more values. */
static bool take_number(Text *text, uint64_t *ret_value)
{
        skip_spaces(text);
        const char *first = text->at;
        uint64_t value = 0;
        while (text->at < text->end && *text->at >= '0' && *text->at <= '9') {
                value = value * 10 + (uint64_t)(*text->at++ - '0');
                if (value >= UINT64_C(1) << 48)
                        return false;
        }
        if (text->at == first || (*first == '0' && text->at - first > 1))
                return false;
        *ret_value = value;
        return true;
}

static int read_descr(Text *text, Found *found)
{
        Text type;
        if (found->descr)
                return NPY_E_KEYS;
        found->descr = true;
        skip_spaces(text);
        if (text->at < text->end && *text->at == '[')
                return NPY_E_TYPE; /* an array of records */
        if (!take_string(text, &type))
                return NPY_E_SYNTAX;
        return text_is(&type, "<f4") ? 0 : NPY_E_TYPE;
}

static int read_order(Text *text, Found *found)
{
        if (found->order)
                return NPY_E_KEYS;
        found->order = true;
        if (take_word(text, "True"))
                return NPY_E_ORDER;
        return take_word(text, "False") ? 0 : NPY_E_SYNTAX;
}

/* A tuple of numbers. (), (5,), (3, 4) and so on; only a tuple of one must end with a comma. */
static int read_shape(Text *text, Found *found)
{
        bool comma = true;
        if (found->shape)
                return NPY_E_KEYS;
        found->shape = true;
        if (!take(text, '('))
                return NPY_E_SYNTAX;
        while (!take(text, ')')) {
                uint64_t value;
                if (!comma || !take_number(text, &value))
                        return NPY_E_SYNTAX;
                if (found->n_dimensions == ARRAY_SIZE(found->dimensions))
                        return NPY_E_SHAPE;
                found->dimensions[found->n_dimensions++] = value;
                comma = take(text, ',');
        }
        if (found->n_dimensions == 0)
                return NPY_E_SHAPE;
        return found->n_dimensions == 1 && !comma ? NPY_E_SYNTAX : 0;
}

static const struct {
        const char *key;
        int (*read)(Text *text, Found *found);
} readers[] = {
        {"descr", read_descr},
        {"fortran_order", read_order},
        {"shape", read_shape},
};

static int read_pair(Text *text, Found *found)
{
        Text key;
        if (!take_string(text, &key) || !take(text, ':'))
                return NPY_E_SYNTAX;
        for (size_t i = 0; i < ARRAY_SIZE(readers); i++)
                if (text_is(&key, readers[i].key))
                        return readers[i].read(text, found);
        return NPY_E_KEYS;
}

static int read_dictionary(Text *text, Found *found)
{
        bool comma = true;
        if (!take(text, '{'))
                return NPY_E_SYNTAX;
        while (!take(text, '}')) {
                int r = comma ? read_pair(text, found) : NPY_E_SYNTAX;
                if (r != 0)
                        return r;
                comma = take(text, ',');
        }
        skip_spaces(text);
        if (text->end - text->at != 1 || *text->at != '\n')
                return NPY_E_SYNTAX;
        return found->descr && found->order && found->shape ? 0 : NPY_E_KEYS;
}

/* Where the dictionary stands. */
static int find_dictionary(const uint8_t *data, size_t n, Text *ret_text)
{
        if (n < 6 || memcmp(data, "\x93NUMPY", 6) != 0)
                return NPY_E_MAGIC;
        if (n < LENGTH_AT)
                return NPY_E_SHORT;
        if ((data[6] != 1 && data[6] != 2) || data[7] != 0)
                return NPY_E_VERSION;
        size_t n_length = data[6] == 1 ? 2 : 4, length = 0;
        if (n < LENGTH_AT + n_length)
                return NPY_E_SHORT;
        for (size_t i = n_length; i > 0; i--)
                length = length << 8 | data[LENGTH_AT + i - 1];
        if (length > n - LENGTH_AT - n_length)
                return NPY_E_SHORT;
        const char *first = (const char *)data + LENGTH_AT + n_length;
        *ret_text = (Text){first, first + length};
        return 0;
}

int npy_read_header(const void *data, size_t n, NpyHeader *ret_header)
{
        Text text;
        Found found = {};
        int r = find_dictionary(data, n, &text);
        if (r != 0)
                return r;
        const char *values = text.end;
        r = read_dictionary(&text, &found);
        if (r != 0)
                return r;
        uint64_t n_rows = found.n_dimensions == 2 ? found.dimensions[0] : 1;
        uint64_t n_columns = found.dimensions[found.n_dimensions - 1];
        if (n_rows == 0 || n_columns == 0)
                return NPY_E_EMPTY;
        if (n_rows > (UINT64_C(1) << 60) / n_columns)
                return NPY_E_SHAPE;
        *ret_header = (NpyHeader){
                .offset = (size_t)(values - (const char *)data),
                .n_rows = n_rows,
                .n_columns = n_columns,
        };
        return 0;
}
