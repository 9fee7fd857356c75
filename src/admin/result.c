/* SPDX-License-Identifier: ISC */
/* What a command of the console says: rows, notices, a tag or an error. */
#include "admin/result.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "admin/show.h"
#include "base/bytes.h"

void cell_null(struct cell *cell)
{
	cell->text = NULL;
}

void cell_text(struct cell *cell, const char *text)
{
	cell->text = text;
}

void cell_integer(struct cell *cell, int64_t value)
{
	cell_printf(cell, "%" PRId64, value);
}

void cell_printf(struct cell *cell, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(cell->buffer, sizeof(cell->buffer), fmt, ap);
	va_end(ap);
	cell->text = cell->buffer;
}

bool formats_is_binary(const struct formats *formats, unsigned column)
{
	if (formats->count == 1)
		column = 0;
	return column < formats->count && (formats->binary >> column & 1) != 0;
}

void result_done(struct result *result)
{
	text_done(&result->notices);
	text_done(&result->rows);
}

void result_tag(struct result *result, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(result->tag, sizeof(result->tag), fmt, ap);
	va_end(ap);
}

void result_error(struct result *result, const char *sqlstate, const char *fmt, ...)
{
	va_list ap;

	result->sqlstate = sqlstate;
	va_start(ap, fmt);
	vsnprintf(result->error, sizeof(result->error), fmt, ap);
	va_end(ap);
}

void result_notice(struct result *result, const char *message, const char *detail)
{
	struct writer writer;

	writer_init_text(&writer, &result->notices);
	compose_report(&writer, SEVERITY_NOTICE, "00000", message, detail, NULL);
}

/* ---- binary values ---- */

static void add_u16(struct text *out, unsigned v)
{
	uint8_t bytes[2];

	be16_put(bytes, (uint16_t)v);
	text_add_n(out, (const char *)bytes, sizeof(bytes));
}

static void add_u32(struct text *out, uint32_t v)
{
	uint8_t bytes[4];

	be32_put(bytes, v);
	text_add_n(out, (const char *)bytes, sizeof(bytes));
}

#define NUMERIC_DIGITS_MAX 16
#define NUMERIC_NEGATIVE 0x4000

/* The four decimal digits at place `at` (counted from the point, in fours) of a number. */
static unsigned digit_at(const char *whole, size_t whole_len, const char *part, size_t part_len,
			 int at)
{
	unsigned digit = 0;

	for (int i = 0; i < 4; i++) {
		long place = (long)at * 4 + i; /* 0: the first behind the point */
		char c = '0';

		if (place < 0 && (long)whole_len + place >= 0)
			c = whole[(long)whole_len + place];
		else if (place >= 0 && place < (long)part_len)
			c = part[place];
		digit = digit * 10 + (unsigned)(c - '0');
	}
	return digit;
}

/* Digits of base 10000, the weight of the first, the sign, and how many decimals are shown. */
static void add_numeric(struct text *out, const char *value)
{
	bool negative = value[0] == '-';
	const char *whole = value + negative;
	size_t whole_len = strcspn(whole, ".");
	const char *part = whole[whole_len] == '.' ? whole + whole_len + 1 : "";
	size_t part_len = strlen(part);
	int first = -(int)((whole_len + 3) / 4), last = (int)((part_len + 3) / 4) - 1;
	unsigned digits[NUMERIC_DIGITS_MAX];
	unsigned count = 0;
	int at;

	while (first <= last && digit_at(whole, whole_len, part, part_len, first) == 0)
		first++;
	while (last >= first && digit_at(whole, whole_len, part, part_len, last) == 0)
		last--;
	for (at = first; at <= last && count < NUMERIC_DIGITS_MAX; at++)
		digits[count++] = digit_at(whole, whole_len, part, part_len, at);
	add_u16(out, count);
	add_u16(out, count != 0 ? (unsigned)(-first - 1) : 0);
	add_u16(out, negative && count != 0 ? NUMERIC_NEGATIVE : 0);
	add_u16(out, (unsigned)part_len);
	for (unsigned i = 0; i < count; i++)
		add_u16(out, digits[i]);
}

void result_binary(struct text *out, uint32_t oid, const char *value)
{
	uint64_t number;

	switch (oid) {
	case OID_INT4:
		add_u32(out, (uint32_t)strtol(value, NULL, 10));
		break;
	case OID_INT8:
		number = (uint64_t)strtoll(value, NULL, 10);
		add_u32(out, (uint32_t)(number >> 32));
		add_u32(out, (uint32_t)number);
		break;
	case OID_NUMERIC:
		add_numeric(out, value);
		break;
	default:
		text_add(out, value);
	}
}

/* ---- rows ---- */

void result_row(struct result *result, const struct show_column *columns, unsigned count,
		const void *row)
{
	struct text binary = { 0 };
	struct writer writer;
	struct cell cell;

	writer_init_text(&writer, &result->rows);
	row_begin(&writer, (uint16_t)count);
	for (unsigned i = 0; i < count; i++) {
		cell_null(&cell);
		columns[i].value(&cell, &columns[i], row);
		if (cell.text == NULL || !formats_is_binary(&result->formats, i)) {
			row_value(&writer, cell.text);
			continue;
		}
		text_clear(&binary);
		result_binary(&binary, columns[i].oid, cell.text);
		row_value_n(&writer, text_string(&binary), binary.len);
	}
	row_end(&writer);
	text_done(&binary);
}

static uint16_t type_size(uint32_t oid)
{
	return oid == OID_INT4 ? 4 : oid == OID_INT8 ? 8 : UINT16_MAX;
}

void result_describe(struct writer *writer, const struct show_column *columns, unsigned count,
		     const struct formats *formats)
{
	writer_begin(writer, MSG_ROW_DESCRIPTION);
	writer_u16(writer, (uint16_t)count);
	for (unsigned i = 0; i < count; i++) {
		writer_cstring(writer, columns[i].name);
		writer_u32(writer, 0); /* of no table */
		writer_u16(writer, 0);
		writer_u32(writer, columns[i].oid);
		writer_u16(writer, type_size(columns[i].oid));
		writer_u32(writer, UINT32_MAX);
		writer_u16(writer, formats_is_binary(formats, i));
	}
	writer_end(writer);
}
