/* SPDX-License-Identifier: ISC */
/* Judges SQL by its text: may a replica run it, and what does it leave behind? */

#ifndef PGWEIR_SQL_CLASSIFY_H
#define PGWEIR_SQL_CLASSIFY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sql/verdict.h"

#define CLASSIFY_MAX_SCAN 65536

struct classify_options {
	bool std_strings;     /* standard_conforming_strings, as the server reported it */
	bool unsafe_encoding; /* client_encoding has characters that hold ASCII bytes */
	uint32_t max_scan;    /* bytes looked at; what is longer is for the primary */
};

/*
 * The verdict of the text of one Query or Parse message, without its final NUL.
 * Never fails, allocates or recurses; takes time linear in len, and reads
 * [sql, sql + len) only.  Whatever it cannot prove to be a read is for the
 * primary.  The rules: doc/routing.md.
 */
struct verdict classify(const char *sql, size_t len, const struct classify_options *options);

#endif
