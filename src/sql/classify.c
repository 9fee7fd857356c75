/* SPDX-License-Identifier: ISC */
/* The classifier's loop over statements, and what its parts share. */

#include "sql/classify.h"

#include "sql/scan.h"

void scan_mark(struct scan *scan, enum route route, enum verdict_why why, const struct token *token)
{
	struct verdict *verdict = &scan->verdict;

	if (verdict->why != WHY_EMPTY && verdict->route >= route)
		return;
	verdict->route = (uint8_t)route;
	verdict->why = (uint8_t)why;
	verdict->pos = token->pos;
	verdict->len = token->len;
}

void scan_doubt(struct scan *scan, enum verdict_why why)
{
	scan->verdict.flags |= VERDICT_DOUBT;
	scan_mark(scan, ROUTE_PRIMARY, why, &scan->token);
}

void scan_next(struct scan *scan)
{
	lex_next(&scan->lex, &scan->token);
	if (scan->token.kind < TOKEN_UNICODE)
		return;
	if (scan->token.kind == TOKEN_BAD)
		scan_doubt(scan, WHY_DOUBT_SYNTAX);
	else if (scan->token.kind == TOKEN_UNICODE || !scan->capped)
		scan_doubt(scan, WHY_DOUBT_LITERAL);
}

void scan_skip(struct scan *scan)
{
	while (!scan_at_end(scan))
		scan_next(scan);
}

/* Nothing is known of characters beyond ASCII in an encoding that hides quotes in them. */
static void doubt_encoding(struct scan *scan)
{
	const char *p;

	scan->token.pos = 0;
	scan->token.len = 0;
	scan_doubt(scan, WHY_DOUBT_ENCODING);
	for (p = scan->lex.start; p < scan->lex.end; p++) {
		if ((unsigned char)*p >= 0x80) {
			scan->verdict.flags |= VERDICT_OPAQUE;
			break;
		}
	}
}

struct verdict classify(const char *sql, size_t len, const struct classify_options *options)
{
	struct scan scan = { .capped = len > options->max_scan };
	struct verdict *verdict = &scan.verdict;

	lex_init(&scan.lex, sql, scan.capped ? options->max_scan : len, options->std_strings);
	if (options->unsafe_encoding)
		doubt_encoding(&scan);
	scan_next(&scan);
	while (scan.token.kind != TOKEN_END) {
		if (scan.token.kind == TOKEN_SEMICOLON) {
			scan_next(&scan);
			continue;
		}
		if (verdict->statements < UINT16_MAX)
			verdict->statements++;
		statement_scan(&scan);
	}
	if (scan.capped) {
		verdict->flags |= VERDICT_OPAQUE;
		scan_doubt(&scan, WHY_DOUBT_SIZE);
	}
	if (verdict->statements > 1)
		verdict->flags |= VERDICT_MULTI;
	if (verdict->flags & (VERDICT_MULTI | VERDICT_OPAQUE | VERDICT_DOUBT))
		verdict->flags &= ~VERDICT_PLAIN_BEGIN;
	return *verdict;
}
