/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_CONF_READER_H
#define PGWEIR_CONF_READER_H

#include <stdbool.h>
#include <stddef.h>

#include "conf/source.h"

/* Reads INI files into a list of assignments; what they mean is not looked at. */

/* A file and what it includes.  False and `error` at the first thing that is wrong. */
bool reader_read_file(struct config_source *source, const char *path, struct config_error *error);

/* The same from memory; %include is refused. */
bool reader_read_text(struct config_source *source, const char *text, size_t len,
		      struct config_error *error);

#endif
