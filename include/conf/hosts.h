/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_CONF_HOSTS_H
#define PGWEIR_CONF_HOSTS_H

#include "base/text.h"
#include "conf/source.h"

/*
 * Lists of hosts, separated by commas.  False if one is wrong: `why` says which and how it is
 * written.  Arrays and strings are the source's.
 */

/* Of host=: names, addresses (no brackets), /folder, @abstract; one port for all. */
bool hosts_read_plain(const char *list, int port, struct config_source *source,
		      struct config_host **hosts, unsigned *count, struct text *why);

/* Of hosts=: host, host:port, [IPv6]:port, /folder:port; no host twice, at least one. */
bool hosts_read_cluster(const char *list, struct config_source *source, struct config_host **hosts,
			unsigned *count, struct text *why);

#endif
