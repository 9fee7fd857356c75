/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_AUTH_TOKENS_H
#define PGWEIR_AUTH_TOKENS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/text.h"

/*
 * The words of a file in the form of pg_hba.conf and pg_ident.conf: parted by blanks and commas;
 * what is in double quotes is taken as it stands, a quote within doubled; # starts a comment; a
 * backslash at the end of a line joins the next one to it.
 */
enum token {
	TOKEN_END, /* of the line */
	TOKEN_WORD,
	TOKEN_QUOTED, /* began with a quote: never a keyword */
	TOKEN_COMMA,
	TOKEN_BAD, /* `why` */
};

struct tokens {
	const char *p;
	const char *end;
	unsigned line; /* where the line of the last token began, from 1 on */
	unsigned next;
	struct text text; /* the last word, NUL-terminated */
	const char *why;
	bool swallows; /* the comment at the end of this line ends with a backslash */
};

void tokens_init(struct tokens *tokens, const char *data, size_t len);
void tokens_done(struct tokens *tokens);

/* Goes to the next line, whatever is left of this one; false at the end of the file. */
bool tokens_line(struct tokens *tokens);

/* The next word of the line. */
enum token tokens_next(struct tokens *tokens);

#endif
