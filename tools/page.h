#pragma once
/*
 * Text for a person at a terminal: labelled lines, wrapped, with what could command the terminal taken out.
 */

#include <stdint.h>
#include <stdio.h>

/**
 * page_field() - Writes "  label   text", the text wrapped at 78 columns under itself. Below a label of
 * more than 13 letters the text begins on the next line.
 * @text:       UTF-8 from anywhere; control characters come out as '?', newlines as line ends
 */
void page_field(FILE *out, const char *label, const char *text);

/** page_text() - Writes the text alone, likewise, from the left margin. */
void page_text(FILE *out, const char *text);

/** page_field_format() - The same with printf(3). Text over 1 KiB is cut. */
void page_field_format(FILE *out, const char *label, const char *format, ...)
        __attribute__((format(printf, 3, 4)));

enum { PAGE_NUMBER_SIZE = 32 };

/** page_number() - A number with a comma after every three digits, as in 10,000. Return: @ret_text. */
const char *page_number(uint64_t value, char ret_text[static PAGE_NUMBER_SIZE]);

enum { PAGE_SHARE_SIZE = 64 };

/** page_share() - So many bytes of so many, as in "2.1 of 126 GiB" and "64 MiB of 2.0 GiB". Return: @ret_text. */
const char *page_share(uint64_t part, uint64_t whole, char ret_text[static PAGE_SHARE_SIZE]);
