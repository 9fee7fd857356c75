/* SPDX-License-Identifier: ISC */
/* SHOW PREPARED_STATEMENTS. */
#include <string.h>

#include "admin/show.h"
#include "pool/statement.h"

enum { IS_NAME, IS_QUERY, IS_PARAMETERS, IS_CLIENTS, IS_SERVERS, IS_BYTES, IS_USES };

/* As much of the text as fits, whole characters of UTF-8. */
static void cell_query(struct cell *cell, const struct statement *statement)
{
	const char *text = (const char *)statement->body;
	size_t len = statement->text_len;

	if (len < sizeof(cell->buffer)) {
		cell_text(cell, text);
		return;
	}
	len = sizeof(cell->buffer) - 4;
	while (len > 0 && ((unsigned char)text[len] & 0xc0) == 0x80)
		len--;
	cell_printf(cell, "%.*s...", (int)len, text);
}

static void value(struct cell *cell, const struct show_column *column, const void *row)
{
	const struct statement *statement = row;

	switch (column->arg) {
	case IS_NAME:
		cell->text = statement->name;
		break;
	case IS_QUERY:
		cell_query(cell, statement);
		break;
	case IS_PARAMETERS:
		cell_integer(cell, statement->type_count);
		break;
	case IS_CLIENTS:
		cell_integer(cell, statement->clients);
		break;
	case IS_SERVERS:
		cell_integer(cell, statement->servers);
		break;
	case IS_BYTES:
		cell_integer(cell, (int64_t)(sizeof(*statement) + statement->len));
		break;
	case IS_USES:
		cell_integer(cell, (int64_t)statement->uses);
	}
}

static void walk(struct show *show)
{
	const struct statement *statement;
	size_t at = 0;

	while ((statement = statement_walk(&at)) != NULL)
		show->row(show, statement);
}

static const struct show_column columns[] = {
	{ "name", OID_TEXT, value, IS_NAME },
	{ "query", OID_TEXT, value, IS_QUERY },
	{ "parameters", OID_INT4, value, IS_PARAMETERS },
	{ "clients", OID_INT4, value, IS_CLIENTS },
	{ "servers", OID_INT4, value, IS_SERVERS },
	{ "bytes", OID_INT8, value, IS_BYTES },
	{ "uses", OID_INT8, value, IS_USES },
};
const struct show_table show_prepared_statements = SHOW_TABLE(columns, walk);
