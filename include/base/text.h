/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_BASE_TEXT_H
#define PGWEIR_BASE_TEXT_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

/* A growing string; a zeroed struct is an empty one.  `data` is NUL-terminated once not NULL. */
struct text {
	char *data;
	size_t len;
	size_t cap;
};

void text_done(struct text *text);
void text_clear(struct text *text);
void text_add(struct text *text, const char *s);
void text_add_n(struct text *text, const char *s, size_t len);
void text_add_char(struct text *text, char c);
void text_printf(struct text *text, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void text_vprintf(struct text *text, const char *fmt, va_list ap)
	__attribute__((format(printf, 2, 0)));

/* The string, "" if nothing was added; valid until the next change. */
const char *text_string(const struct text *text);

/* Hands the string (to be freed with free()) to the caller and leaves an empty text. */
char *text_take(struct text *text);

/* Whether `s` is one of the words of a list separated by commas and blanks; case counts. */
bool text_list_has(const char *list, const char *s);

#endif
