/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_ADMIN_RESULT_H
#define PGWEIR_ADMIN_RESULT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/text.h"
#include "proto/compose.h"

struct show_column;

/* No result of the console has more columns. */
#define RESULT_COLUMNS_MAX 64

/* A value on its way into a row. */
struct cell {
	const char *text; /* NULL: SQL NULL */
	char buffer[192];
};

void cell_null(struct cell *cell);
void cell_text(struct cell *cell, const char *text); /* not copied; NULL is SQL NULL */
void cell_integer(struct cell *cell, int64_t value);
void cell_printf(struct cell *cell, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* In which form the client wants each column. */
struct formats {
	uint16_t count; /* 0: all in text; 1: all as first; else one a column */
	uint64_t binary;
};

bool formats_is_binary(const struct formats *formats, unsigned column);

/*
 * What a command says.  A zeroed one, with `formats` if there are any, is handed to the command,
 * which adds rows and notices and ends with a tag or an error; the console sends it.
 */
struct result {
	struct formats formats;
	struct text notices; /* whole messages */
	struct text rows;    /* whole messages */
	char tag[400];
	const char *sqlstate; /* NULL: no error */
	char error[1200];
	bool waits; /* it comes later */
};

void result_done(struct result *result);
void result_tag(struct result *result, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void result_error(struct result *result, const char *sqlstate, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
void result_notice(struct result *result, const char *message, const char *detail);

/* Adds a row: the columns' values of `row`. */
void result_row(struct result *result, const struct show_column *columns, unsigned count,
		const void *row);

/* A RowDescription for these columns. */
void result_describe(struct writer *writer, const struct show_column *columns, unsigned count,
		     const struct formats *formats);

/*
 * The binary form of a number in decimal (int4, int8, numeric; PostgreSQL: numeric_send) into
 * `out`; other types' is their text.
 */
void result_binary(struct text *out, uint32_t oid, const char *value);

#endif
