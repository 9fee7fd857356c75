/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_CONF_REFERENCE_H
#define PGWEIR_CONF_REFERENCE_H

#include <stdbool.h>

#include "base/text.h"
#include "conf/source.h"

/*
 * Values that stand elsewhere: ${env:NAME} is an environment variable, ${file:PATH} the text of a
 * file without its last line end; $${env: and $${file: are those letters themselves.  What was
 * read is kept with the source, so that a SET does not read it again.
 */

/* Whether there is any in a value. */
bool reference_is_in(const char *value);

/*
 * The value with all of them replaced; the string is the source's.  NULL if one has nothing behind
 * it: `why` then says which and why, without a letter of what was read.
 */
const char *reference_expand(struct config_source *source, const char *value, struct text *why);

#endif
