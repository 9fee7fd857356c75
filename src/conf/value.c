/* SPDX-License-Identifier: ISC */
/* The values of settings: read, show, compare, copy, all by the row that describes them. */
#include "conf/value.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "base/clock.h"

_Static_assert(sizeof(enum pool_mode) == sizeof(unsigned), "enums are stored as unsigned int");

struct unit {
	const char *name;
	int64_t factor;
};

static const struct unit time_units[] = {
	{ "us", 1 },
	{ "ms", USEC_PER_MSEC },
	{ "s", USEC_PER_SEC },
	{ "min", 60 * USEC_PER_SEC },
	{ "h", 3600 * USEC_PER_SEC },
	{ "d", 86400 * USEC_PER_SEC },
	{ NULL, 0 },
};

static const struct unit size_units[] = {
	{ "B", 1 }, { "kB", 1 << 10 }, { "MB", 1 << 20 }, { "GB", 1 << 30 }, { NULL, 0 },
};

/* 30 years, 1 TB: larger ones are mistakes, and sums of them must not overflow. */
#define TIME_MAX (INT64_C(30) * 366 * 86400 * USEC_PER_SEC)
#define SIZE_LARGEST (INT64_C(1) << 40)

/* Words that PostgreSQL takes for booleans; PgBouncer takes any number. */
static const struct setting_word bool_words[] = {
	{ "0", 0 },   { "1", 1 },     { "off", 0 },  { "on", 1 }, { "no", 0 },
	{ "yes", 1 }, { "false", 0 }, { "true", 1 }, { NULL, 0 },
};

static void *field(const struct setting *row, void *base)
{
	return (char *)base + row->offset;
}

static const void *field_of(const struct setting *row, const void *base)
{
	return (const char *)base + row->offset;
}

const char **value_string(const struct setting *row, void *base)
{
	assert(row->type == KEY_STRING || row->type == KEY_SECRET);
	return field(row, base);
}

/* The factor of the unit at the end of a number; `plain` if there is none, 0 if unknown. */
static int64_t read_unit(const char *s, const struct unit *units, int64_t plain)
{
	while (isblank((unsigned char)*s))
		s++;
	if (*s == '\0')
		return plain;
	for (; units->name != NULL; units++)
		if (strcmp(s, units->name) == 0)
			return units->factor;
	return 0;
}

static bool read_int(const char *s, int64_t *value)
{
	long long n;
	char *end;

	errno = 0;
	n = strtoll(s, &end, 0);
	if (errno != 0 || end == s || *end != '\0' || n < INT_MIN || n > INT_MAX)
		return false;
	*value = n;
	return true;
}

/* Digits with a point: strtod would also take "inf", hexadecimal, and a locale's comma. */
static bool read_time(const char *s, int64_t *value)
{
	double n = 0, place = 1;
	bool digits = false, negative = *s == '-';
	int64_t factor;

	s += negative;
	for (; isdigit((unsigned char)*s); s++, digits = true)
		n = n * 10 + (*s - '0');
	if (*s == '.') {
		for (s++; isdigit((unsigned char)*s); s++, digits = true) {
			place /= 10;
			n += (*s - '0') * place;
		}
	}
	factor = read_unit(s, time_units, USEC_PER_SEC);
	if (!digits || factor == 0 || n * (double)factor > (double)TIME_MAX)
		return false;
	*value = (int64_t)(n * (double)factor + 0.5);
	if (negative)
		*value = -*value;
	return true;
}

static bool read_size(const char *s, int64_t *value)
{
	long long n;
	int64_t factor;
	char *end;

	if (!isdigit((unsigned char)*s))
		return false;
	errno = 0;
	n = strtoll(s, &end, 0);
	factor = read_unit(end, size_units, 1);
	if (errno != 0 || factor == 0 || n > SIZE_LARGEST / factor)
		return false;
	*value = n * factor;
	return true;
}

static const struct setting_word *find_word(const struct setting_word *words, const char *s)
{
	for (; words->word != NULL; words++)
		if (strcmp(words->word, s) == 0)
			return words;
	return NULL;
}

static bool read_number(const struct setting *row, const char *s, int64_t *value)
{
	const struct setting_word *word;

	switch (row->type) {
	case KEY_INT:
	case KEY_OCTAL:
		return read_int(s, value);
	case KEY_TIME:
		return read_time(s, value);
	case KEY_SIZE:
		return read_size(s, value);
	case KEY_BOOL:
		word = find_word(bool_words, s);
		if (word == NULL)
			return read_int(s, value);
		*value = word->value;
		return true;
	case KEY_STRING:
	case KEY_SECRET:
	case KEY_WORD:
		break;
	}
	return false;
}

bool value_is_negative(const struct setting *row, const char *input)
{
	int64_t value;

	return row->type != KEY_BOOL && read_number(row, input, &value) && value < 0;
}

/* Where 0 is the least, less is 0: PgBouncer takes -1 for "off". */
static bool means_zero(const struct setting *row, int64_t value)
{
	return value < 0 && row->min != NULL && strcmp(row->min, "0") == 0;
}

static bool is_in_range(const struct setting *row, int64_t value)
{
	int64_t bound;

	if (row->min != NULL && (!read_number(row, row->min, &bound) || value < bound))
		return false;
	if (row->max != NULL && (!read_number(row, row->max, &bound) || value > bound))
		return false;
	return true;
}

static void write_number(const struct setting *row, int64_t value, void *base)
{
	switch (row->type) {
	case KEY_INT:
	case KEY_OCTAL:
		*(int *)field(row, base) = (int)value;
		break;
	case KEY_BOOL:
		*(bool *)field(row, base) = value != 0;
		break;
	case KEY_TIME:
		*(usec_t *)field(row, base) = value;
		break;
	case KEY_SIZE:
		*(size_t *)field(row, base) = (size_t)value;
		break;
	case KEY_WORD:
		/* An enum without negative values is an unsigned int to gcc and clang. */
		*(unsigned *)field(row, base) = (unsigned)value;
		break;
	case KEY_STRING:
	case KEY_SECRET:
		assert(false);
	}
}

static int64_t get_number(const struct setting *row, const void *base)
{
	switch (row->type) {
	case KEY_INT:
	case KEY_OCTAL:
		return *(const int *)field_of(row, base);
	case KEY_BOOL:
		return *(const bool *)field_of(row, base);
	case KEY_TIME:
		return *(const usec_t *)field_of(row, base);
	case KEY_SIZE:
		return (int64_t) * (const size_t *)field_of(row, base);
	case KEY_WORD:
		return *(const unsigned *)field_of(row, base);
	case KEY_STRING:
	case KEY_SECRET:
		break;
	}
	return 0;
}

static void print_words(const struct setting_word *words, struct text *out)
{
	bool first = true;

	for (; words->word != NULL; words++) {
		if (words->value < 0)
			continue;
		text_printf(out, "%s%s", first ? "" : ", ", words->word);
		first = false;
	}
}

void value_print_allowed(const struct setting *row, struct text *out)
{
	switch (row->type) {
	case KEY_WORD:
		print_words(row->words, out);
		return;
	case KEY_BOOL:
		text_add(out, "0, 1");
		return;
	case KEY_STRING:
	case KEY_SECRET:
		if (row->words != NULL)
			print_words(row->words, out);
		return;
	case KEY_INT:
	case KEY_OCTAL:
	case KEY_TIME:
	case KEY_SIZE:
		break;
	}
	if (row->min != NULL && row->max != NULL)
		text_printf(out, "%s .. %s", row->min, row->max);
	else if (row->min != NULL)
		text_printf(out, "at least %s", row->min);
	else if (row->max != NULL)
		text_printf(out, "at most %s", row->max);
}

static const char *type_text(enum setting_type type)
{
	switch (type) {
	case KEY_INT:
		return "a whole number";
	case KEY_OCTAL:
		return "an octal number with a leading 0";
	case KEY_TIME:
		return "a time in seconds or with us, ms, s, min, h, d";
	case KEY_SIZE:
		return "a size in bytes or with B, kB, MB, GB";
	case KEY_BOOL:
	case KEY_WORD:
	case KEY_STRING:
	case KEY_SECRET:
		break;
	}
	return "one of";
}

void value_explain(const struct setting *row, const char *input, struct text *why)
{
	struct text allowed = { 0 };

	value_print_allowed(row, &allowed);
	text_printf(why, "%s is %s%s%s", row->name,
		    row->words != NULL ? "one of" : type_text(row->type),
		    allowed.len == 0				  ? ""
		    : row->words != NULL || row->type == KEY_BOOL ? " "
								  : ": ",
		    text_string(&allowed));
	text_printf(why, ", not \"%.100s\"", input);
	text_done(&allowed);
}

static bool read_word(const struct setting *row, const char *input, void *base, struct text *why)
{
	const struct setting_word *word = find_word(row->words, input);

	if (word == NULL) {
		value_explain(row, input, why);
		return false;
	}
	if (word->value < 0) {
		text_printf(why,
			    "%s = %s is not supported by this %s of pgweir%s; allowed: ", row->name,
			    input, word->value == WORD_NOT_BUILT ? "build" : "version",
			    strstr(row->name, "_tls_") != NULL ? " (TLS is not there yet)" : "");
		print_words(row->words, why);
		return false;
	}
	write_number(row, word->value, base);
	return true;
}

bool value_read(const struct setting *row, const char *input, void *base, struct text *why)
{
	int64_t value;

	if (row->type == KEY_STRING || row->type == KEY_SECRET) {
		if (row->words != NULL && find_word(row->words, input) == NULL) {
			value_explain(row, input, why);
			return false;
		}
		*value_string(row, base) = input;
		return true;
	}
	if (row->type == KEY_WORD)
		return read_word(row, input, base, why);
	if (!read_number(row, input, &value)) {
		value_explain(row, input, why);
		return false;
	}
	if (means_zero(row, value))
		value = 0;
	if (!is_in_range(row, value)) {
		value_explain(row, input, why);
		return false;
	}
	write_number(row, value, base);
	return true;
}

/* Seconds without trailing zeros: 120, 0.1. */
static void show_time(int64_t value, struct text *out)
{
	int64_t part = value % USEC_PER_SEC;
	int digits = 6;

	text_printf(out, "%lld", (long long)(value / USEC_PER_SEC));
	if (part == 0)
		return;
	for (; part % 10 == 0; part /= 10)
		digits--;
	text_printf(out, ".%0*lld", digits, (long long)part);
}

static bool show_word(const struct setting *row, int64_t value, struct text *out)
{
	const struct setting_word *word;

	for (word = row->words; word->word != NULL; word++) {
		if (word->value == value) {
			text_add(out, word->word);
			return true;
		}
	}
	return false;
}

bool value_show(const struct setting *row, const void *base, struct text *out)
{
	const char *s;

	switch (row->type) {
	case KEY_STRING:
		s = *(const char *const *)field_of(row, base);
		if (*s == '\0' && row->standard == NULL)
			return false;
		text_add(out, s);
		return true;
	case KEY_SECRET:
		s = *(const char *const *)field_of(row, base);
		if (*s == '\0' && row->standard == NULL)
			return false;
		text_add(out, *s != '\0' ? "********" : "");
		return true;
	case KEY_WORD:
		return show_word(row, get_number(row, base), out);
	case KEY_TIME:
		show_time(get_number(row, base), out);
		return true;
	case KEY_INT:
	case KEY_OCTAL:
	case KEY_BOOL:
	case KEY_SIZE:
		break;
	}
	text_printf(out, "%lld", (long long)get_number(row, base));
	return true;
}

bool value_is_equal(const struct setting *row, const void *a, const void *b)
{
	if (row->type == KEY_STRING || row->type == KEY_SECRET)
		return strcmp(*(const char *const *)field_of(row, a),
			      *(const char *const *)field_of(row, b)) == 0;
	return get_number(row, a) == get_number(row, b);
}

void value_copy(const struct setting *row, void *to, const void *from)
{
	if (row->type == KEY_STRING || row->type == KEY_SECRET)
		*value_string(row, to) = *(const char *const *)field_of(row, from);
	else
		write_number(row, get_number(row, from), to);
}

void value_reset(const struct setting *row, void *base)
{
	struct text why = { 0 };
	bool ok;

	if (row->type == KEY_STRING || row->type == KEY_SECRET) {
		*value_string(row, base) = row->standard != NULL ? row->standard : "";
		return;
	}
	/* A synonym has no default: its field is another row's. */
	if (row->standard == NULL)
		return;
	ok = value_read(row, row->standard, base, &why);
	assert(ok);
	(void)ok;
	text_done(&why);
}
