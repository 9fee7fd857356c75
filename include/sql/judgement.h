/* SPDX-License-Identifier: ISC */
/* What is found out about a text once and used again: many clients send the same ones. */

#ifndef PGWEIR_SQL_JUDGEMENT_H
#define PGWEIR_SQL_JUDGEMENT_H

#include <stddef.h>
#include <stdint.h>

#include "sql/directive.h"
#include "sql/verdict.h"

struct judgement {
	struct verdict verdict; /* with standard_conforming_strings on and a harmless encoding */
	enum route_choice hint; /* of the comment in front; ROUTE_CHOICE_NONE: none, or malformed */
};

/*
 * The judgement of the text of one Query or Parse message, without its final NUL.  Texts up to
 * JUDGEMENT_TEXT_MAX that were judged lately are remembered, in a bounded place that the oldest
 * leave first; never fails or allocates.
 */
struct judgement judgement_of(const char *sql, size_t len);

#define JUDGEMENT_TEXT_MAX 4096

/* Bytes of memory that the remembered ones have come to take, for SHOW MEM; and at most. */
size_t judgement_bytes(void);
#define JUDGEMENT_BYTES_MAX ((size_t)512 << 10)

#endif
