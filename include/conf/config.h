/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_CONF_CONFIG_H
#define PGWEIR_CONF_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "conf/settings.h"

/* Which rows of the settings table an entry sets itself. */
#define CONFIG_ROWS_MAX 192
struct config_mask {
	uint64_t bits[CONFIG_ROWS_MAX / 64];
};

/* Where servers are: one PostgreSQL instance. */
struct config_host {
	const char *host; /* name, address without brackets, /dir or @abstract */
	int port;
};

/* A startup parameter that servers of a database get. */
struct config_parameter {
	const char *name;
	const char *value;
};

/* An entry of [clusters]. */
struct config_cluster {
	const char *name;
	struct config_host *hosts; /* at least one, no two the same */
	unsigned host_count;
	const char *monitor_user;     /* "": the user of the process, as libpq does */
	const char *monitor_password; /* "": none */
	const char *monitor_dbname;
	struct settings settings; /* merged: cluster over global */

	struct config_mask set;
	const char *hosts_text; /* as written */
	int discovery;
	const char *file;
	unsigned line;
	unsigned order;
};

/* An entry of [databases].  Strings that were not given are "". */
struct config_database {
	const char *name;		/* "*": the fallback */
	const char *dbname;		/* at the server; "": the name that the client asked for */
	struct config_cluster *cluster; /* NULL: a plain entry */
	struct config_host *hosts;	/* of a plain entry, at least one; else none */
	unsigned host_count;
	enum load_balance_hosts load_balance_hosts;
	enum routing
		role; /* of a plain entry, which of its hosts will do: primary, replica; else any */
	const char *user; /* forced user of all servers, "": the client's */
	const char *password;
	const char *connect_query;
	struct config_parameter *parameters; /* client_encoding, datestyle, ... */
	unsigned parameter_count;
	struct settings settings; /* merged: database over cluster over global */

	struct config_mask set;
	const char *host; /* as written */
	int port;
	const char *cluster_name;
	const char *client_encoding;
	const char *datestyle;
	const char *timezone;
	const char *application_name;
	const char *file;
	unsigned line;
	unsigned order;
};

/* An entry of [users]: what it sets goes before what the database and the global section say. */
struct config_user {
	const char *name;
	struct settings settings; /* only the fields of `set` mean something */

	struct config_mask set;
	const char *file;
	unsigned line;
	unsigned order;
};

/* An entry of [peers]: another process that gives out cancel keys at the same address. */
struct config_peer {
	const char *name; /* the id, in plain digits */
	unsigned id;
	const char *host;
	int port;
	int pool_size; /* cancel requests that travel to it at a time; 0: without bound */

	struct settings settings; /* no key of theirs may stand here */
	struct config_mask set;
	const char *file;
	unsigned line;
	unsigned order;
};

/*
 * A whole configuration: checked, merged, not changed once made; counted, the last to let go
 * frees it.  The arrays are in order of name.
 */
struct config {
	const char *path; /* of the file, "" if it came from memory */
	struct settings settings;
	struct config_database *databases; /* without the fallback */
	unsigned database_count;
	struct config_cluster *clusters;
	unsigned cluster_count;
	struct config_user *users;
	unsigned user_count;
	struct config_peer *peers;
	unsigned peer_count;

	struct config_database *fallback; /* the entry "*", or NULL */
	struct config_mask set;
	/* By row: the text of a global setting that says ${env:...} or ${file:...}, else NULL. */
	const char *written[CONFIG_ROWS_MAX];
	struct config_source *source; /* what was read, and the memory of all strings */
	unsigned refs;
};

/* What is wrong with a configuration.  Never has a secret in it. */
struct config_error {
	char file[256]; /* "" if it is about no file */
	unsigned line;	/* 0 if it is about no line */
	char text[512];
};

/*
 * Reads, checks and merges a file and all that it includes.  NULL if anything is wrong: `error`
 * then has the first error.  The caller owns one count.
 */
struct config *config_load(const char *path, struct config_error *error);

/* The same from memory, for tests; %include is refused. */
struct config *config_load_text(const char *text, size_t len, struct config_error *error);

struct config *config_ref(struct config *config);
void config_unref(struct config *config); /* NULL is allowed */

/* "file:line: text" into a buffer; without what it is not about. */
void config_error_format(const struct config_error *error, char *buffer, size_t size);

/* The entry of this very name, NULL if there is none; "*" is never found by it. */
const struct config_database *config_database_find(const struct config *config, const char *name);

/* The entry "*", or NULL. */
const struct config_database *config_database_fallback(const struct config *config);

const struct config_cluster *config_cluster_find(const struct config *config, const char *name);
/*
 * A setting that is a time and may stand in [users], for a user of a database: its own, else the
 * database's.
 */
usec_t config_user_time(const struct config *config, const struct config_database *database,
			const char *user, const char *name);

const struct config_user *config_user_find(const struct config *config, const char *name);

/* The name under which the console is listed and logged, whichever was connected to. */
#define CONSOLE_DATABASE "pgbouncer"

/* The peer of an id, NULL if there is none. */
const struct config_peer *config_peer_find(const struct config *config, unsigned id);

/* Names of the console; no database can have them. */
bool config_name_is_console(const char *name);

/*
 * What applies to a user in a database: user over database over cluster over global.  `database`
 * and `user` may be NULL.  `out` lives as long as the configuration.
 */
void config_effective(const struct config *config, const struct config_database *database,
		      const char *user, struct settings *out);

/*
 * A global setting as SHOW CONFIG prints it: strings that come from elsewhere as they are written,
 * since they may be secrets.  False if it is NULL.
 */
bool config_show(const struct config *config, const struct setting *row, struct text *out);

/* Calls on_warning for each thing that is allowed but hardly meant: at start, RELOAD and --check. */
void config_warn(const struct config *config, void (*on_warning)(void *arg, const char *text),
		 void *arg);

/*
 * SET of the console: another configuration, the same but for this global setting, to be swapped
 * in as after a reload; a later reload forgets it.  NULL and `error` if the key or value is wrong
 * or the setting needs a restart.
 */
struct config *config_set(const struct config *config, const char *key, const char *value,
			  struct config_error *error);

/*
 * Gives a configuration that was just loaded the running one's values of settings that need a
 * restart, so that SHOW CONFIG shows what is in force.  Report differences before.
 */
void config_carry(struct config *loaded, const struct config *running);

#endif
