/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_CONF_CONNSTR_H
#define PGWEIR_CONF_CONNSTR_H

#include "base/text.h"
#include "conf/source.h"

/*
 * The pairs of an entry: key=value separated by blanks, blanks around '=' allowed, values with
 * blanks in single quotes, '' for a quote in them, no backslashes (PgBouncer's form, lib/usual).
 */
struct connstr {
	const char *start;
	const char *at;
	struct config_source *source; /* gets the strings */
};

enum connstr_result {
	CONNSTR_PAIR,
	CONNSTR_END,
	CONNSTR_BAD,
};

/* Starts to read an entry's value. */
void connstr_init(struct connstr *connstr, const char *s, struct config_source *source);

/* The next pair.  BAD: `why` says what is wrong and at which byte, without a value in it. */
enum connstr_result connstr_next(struct connstr *connstr, const char **key, const char **value,
				 struct text *why);

#endif
