/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_CONF_DIFF_H
#define PGWEIR_CONF_DIFF_H

#include <stdbool.h>

#include "conf/config.h"

enum config_kind {
	CONFIG_SETTING, /* of the global section */
	CONFIG_CLUSTER,
	CONFIG_DATABASE,
	CONFIG_USER,
	CONFIG_PEER,
};

enum config_change {
	CONFIG_ADDED,
	CONFIG_REMOVED,
	CONFIG_CHANGED,
};

/* One difference; the strings are valid during the callback. */
struct config_difference {
	enum config_kind kind;
	enum config_change change; /* settings: always CONFIG_CHANGED */
	const char *name;
	/*
	 * CHANGED, for the log: "20 -> 50" for a setting, the names of the keys that differ for an
	 * entry.  No values of entries: they may be secrets.
	 */
	const char *detail;
	/* The strictest of what changed: RESTART has no effect now, RECONNECT closes servers. */
	enum setting_applies applies;
	/* The entry in the old and in the new configuration: struct config_database and so on. */
	const void *before; /* NULL: added, or a setting */
	const void *after;  /* NULL: removed, or a setting */
};

/*
 * Calls on_difference for each setting, cluster, database, user and peer that is not the same.  An
 * entry counts as changed by what it says itself; what it inherits shows in the cluster or
 * setting it comes from.  With RECONNECT servers of a database are closed once they are free; for
 * a cluster it means that its hosts differ.  Clusters come before databases; the fallback's name
 * is "*".
 */
void config_diff(const struct config *before, const struct config *after,
		 void (*on_difference)(void *arg, const struct config_difference *difference),
		 void *arg);

/* "database app: changed: host, port (servers reconnect)": a line for the log. */
void config_difference_format(const struct config_difference *difference, char *buffer,
			      size_t size);

#endif
