/* SPDX-License-Identifier: ISC */
/* A growing string. */
#include "base/text.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static void reserve(struct text *text, size_t more)
{
	size_t need = text->len + more + 1;

	if (need <= text->cap)
		return;
	text->cap = need < 64 ? 64 : need * 2;
	text->data = mem_grow(text->data, text->cap);
}

void text_done(struct text *text)
{
	free(text->data);
	memset(text, 0, sizeof(*text));
}

void text_clear(struct text *text)
{
	text->len = 0;
	if (text->data != NULL)
		text->data[0] = '\0';
}

void text_add_n(struct text *text, const char *s, size_t len)
{
	reserve(text, len);
	memcpy(text->data + text->len, s, len);
	text->len += len;
	text->data[text->len] = '\0';
}

void text_add(struct text *text, const char *s)
{
	text_add_n(text, s, strlen(s));
}

void text_add_char(struct text *text, char c)
{
	text_add_n(text, &c, 1);
}

void text_vprintf(struct text *text, const char *fmt, va_list ap)
{
	va_list again;
	int n;

	va_copy(again, ap);
	n = vsnprintf(NULL, 0, fmt, again);
	va_end(again);
	if (n < 0)
		return;
	reserve(text, (size_t)n);
	vsnprintf(text->data + text->len, (size_t)n + 1, fmt, ap);
	text->len += (size_t)n;
}

void text_printf(struct text *text, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	text_vprintf(text, fmt, ap);
	va_end(ap);
}

const char *text_string(const struct text *text)
{
	return text->data != NULL ? text->data : "";
}

char *text_take(struct text *text)
{
	char *s = text->data != NULL ? text->data : mem_string("");

	memset(text, 0, sizeof(*text));
	return s;
}

bool text_list_has(const char *list, const char *s)
{
	size_t len = strlen(s);

	while (list != NULL && *list != '\0') {
		size_t n;

		list += strspn(list, ", \t");
		n = strcspn(list, ", \t");
		if (n == len && n != 0 && memcmp(list, s, n) == 0)
			return true;
		list += n;
	}
	return false;
}
