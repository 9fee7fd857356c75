/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_CONF_ENTRY_H
#define PGWEIR_CONF_ENTRY_H

#include <stdbool.h>

#include "base/text.h"
#include "conf/config.h"

/*
 * The keys that only entries of [databases], [clusters] and [peers] have, as rows over struct
 * config_database, config_cluster and config_peer.  They stand beside the rows of struct settings.
 */
unsigned entry_count(enum setting_where where);
const struct setting *entry_row(enum setting_where where, unsigned i);

/*
 * The row that a key of an entry means.  *own: the field is in the entry's struct, else in its
 * settings.  NULL if there is none; `why` then gets the text for the user.
 */
const struct setting *entry_find(const char *key, enum setting_where where, bool *own,
				 struct text *why);

/* All own fields at their defaults. */
void entry_init(enum setting_where where, void *entry);

#endif
