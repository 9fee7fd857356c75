/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_CONF_VALUE_H
#define PGWEIR_CONF_VALUE_H

#include <stdbool.h>

#include "base/text.h"
#include "conf/settings.h"

/*
 * Values of one row in the struct that it describes (struct settings, or an entry): read from
 * text, shown, compared, copied.
 */

/*
 * Reads `input` into the row's field of the struct at `base`.  Strings are not copied: `input`
 * must live as long as the struct.  False if it is not allowed: `why` then says what is.
 */
bool value_read(const struct setting *row, const char *input, void *base, struct text *why);

/* The text for an `input` that is not allowed. */
void value_explain(const struct setting *row, const char *input, struct text *why);

/* A number below 0. */
bool value_is_negative(const struct setting *row, const char *input);

/* As SHOW CONFIG prints it.  False if that is NULL: an unset string without a default. */
bool value_show(const struct setting *row, const void *base, struct text *out);

bool value_is_equal(const struct setting *row, const void *a, const void *b);

/* Copies the field; strings stay where they are. */
void value_copy(const struct setting *row, void *to, const void *from);

/* The default; an unset string is "". */
void value_reset(const struct setting *row, void *base);

/* The string field itself, of KEY_STRING and KEY_SECRET. */
const char **value_string(const struct setting *row, void *base);

/* What is allowed, for the manual and for errors: "1 .. 65535", "session, transaction, ...". */
void value_print_allowed(const struct setting *row, struct text *out);

#endif
