/* SPDX-License-Identifier: ISC */
/*
 * Configurations: built whole from the lines that were read, then checked and merged.  A reload
 * and a SET build another one beside it; nothing of a configuration in use ever changes.
 */
#include "conf/config.h"

#include <assert.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/mem.h"
#include "conf/connstr.h"
#include "conf/entry.h"
#include "conf/hosts.h"
#include "conf/mask.h"
#include "conf/reader.h"
#include "conf/reference.h"
#include "conf/source.h"
#include "conf/spell.h"
#include "conf/value.h"

#define DATABASE_NAME_MAX 63
#define USER_NAME_MAX 127
#define PEER_ID_MAX 65535

/* What a builder is at, so that helpers can say where something is wrong. */
struct build {
	struct config *config;
	struct config_error *error;
	struct text why;
	const char *file;
	unsigned line;
};

__attribute__((format(printf, 2, 3))) static bool refuse(struct build *build, const char *fmt, ...)
{
	struct text text = { 0 };
	va_list ap;

	va_start(ap, fmt);
	text_vprintf(&text, fmt, ap);
	va_end(ap);
	config_error_set(build->error, build->file, build->line, "%s", text_string(&text));
	text_done(&text);
	return false;
}

static bool refuse_why(struct build *build)
{
	config_error_set(build->error, build->file, build->line, "%s", text_string(&build->why));
	return false;
}

/* Growing arrays of entries; a pointer is valid until the next one is added. */
static void *add_entry(void **array, unsigned *count, size_t size)
{
	/* Powers of two: grown when the count is one. */
	if ((*count & (*count - 1)) == 0)
		*array = mem_grow(*array, (*count != 0 ? *count * 2 : 1) * size);
	memset((char *)*array + *count * size, 0, size);
	return (char *)*array + (*count)++ * size;
}

/*
 * Reads a value with what its references stand for.  Nothing of that is in an error: it may be a
 * secret that stands in the wrong place.
 */
static bool read_value(struct build *build, const struct setting *row, const char *written,
		       void *base)
{
	bool referred = build->line != 0 && reference_is_in(written);
	const char *value = written;

	if (referred)
		value = reference_expand(build->config->source, written, &build->why);
	if (value == NULL)
		return false;
	if (value_read(row, value, base, &build->why))
		return true;
	if (referred) {
		text_clear(&build->why);
		value_explain(row, written, &build->why);
	}
	return false;
}

static bool set_global(struct build *build, const struct assignment *at)
{
	struct config *config = build->config;
	const struct setting *row = settings_find(at->name, IN_GLOBAL, &build->why);

	if (row == NULL || !read_value(build, row, at->value, &config->settings))
		return refuse_why(build);
	mask_add(&config->set, settings_index(row));
	config->written[settings_index(row)] =
		build->line != 0 && reference_is_in(at->value) ? at->value : NULL;
	return true;
}

/* Where an entry's pairs go. */
struct target {
	enum setting_where where;
	const char *name;
	void *entry;
	struct settings *settings;
	struct config_mask *set;
};

/* In PgBouncer's entries a number below 0 says "as global", and for some settings 0 does. */
static bool is_inherited(const struct setting *row, enum setting_where where, const char *written,
			 const struct settings *settings)
{
	unsigned zero = where == IN_DATABASE ? DATABASE_ZERO_INHERITS
			: where == IN_USER   ? USER_ZERO_INHERITS
					     : 0;
	struct text shown = { 0 };
	bool inherited;

	if (value_is_negative(row, written))
		return true;
	if (!(row->where & zero))
		return false;
	setting_show(row, settings, &shown);
	inherited = strcmp(text_string(&shown), "0") == 0;
	text_done(&shown);
	return inherited;
}

/* Reads the pairs of an entry into its own fields and its settings. */
static bool read_pairs(struct build *build, const struct target *target, const char *pairs)
{
	const char *key, *value;
	struct connstr connstr;
	enum connstr_result result;
	bool after_secret = false;

	connstr_init(&connstr, pairs, build->config->source);
	while ((result = connstr_next(&connstr, &key, &value, &build->why)) == CONNSTR_PAIR) {
		const struct setting *row;
		bool own;

		row = entry_find(key, target->where, &own, &build->why);
		if (row == NULL && after_secret)
			return refuse(build,
				      "%s: unknown setting after a password; values with blanks "
				      "need single quotes",
				      target->name);
		if (row == NULL ||
		    !read_value(build, row, value, own ? target->entry : target->settings))
			return refuse(build, "%s: %s", target->name, text_string(&build->why));
		after_secret = after_secret || row->type == KEY_SECRET;
		if (own)
			continue;
		if (is_inherited(row, target->where, value, target->settings))
			mask_remove(target->set, settings_index(row));
		else
			mask_add(target->set, settings_index(row));
	}
	if (result == CONNSTR_BAD)
		return refuse(build, "%s: %s", target->name, text_string(&build->why));
	return true;
}

static bool add_database(struct build *build, const struct assignment *at)
{
	struct config *config = build->config;
	struct config_database *database;
	struct target target;

	if (config_name_is_console(at->name))
		return refuse(build, "the database name %s is reserved for the console", at->name);
	if (strlen(at->name) > DATABASE_NAME_MAX)
		return refuse(build, "a database name is longer than %d bytes", DATABASE_NAME_MAX);
	database =
		add_entry((void **)&config->databases, &config->database_count, sizeof(*database));
	database->name = at->name;
	database->file = at->file;
	database->line = at->line;
	entry_init(IN_DATABASE, database);
	settings_init(&database->settings);
	target = (struct target){ IN_DATABASE, at->name, database, &database->settings,
				  &database->set };
	return read_pairs(build, &target, at->value);
}

static bool add_cluster(struct build *build, const struct assignment *at)
{
	struct config *config = build->config;
	struct config_cluster *cluster;
	struct target target;

	cluster = add_entry((void **)&config->clusters, &config->cluster_count, sizeof(*cluster));
	cluster->name = at->name;
	cluster->file = at->file;
	cluster->line = at->line;
	entry_init(IN_CLUSTER, cluster);
	settings_init(&cluster->settings);
	target =
		(struct target){ IN_CLUSTER, at->name, cluster, &cluster->settings, &cluster->set };
	return read_pairs(build, &target, at->value);
}

static bool add_user(struct build *build, const struct assignment *at)
{
	struct config *config = build->config;
	struct config_user *user;
	struct target target;

	if (strlen(at->name) > USER_NAME_MAX)
		return refuse(build, "a user name is longer than %d bytes", USER_NAME_MAX);
	user = add_entry((void **)&config->users, &config->user_count, sizeof(*user));
	user->name = at->name;
	user->file = at->file;
	user->line = at->line;
	settings_init(&user->settings);
	target = (struct target){ IN_USER, at->name, user, &user->settings, &user->set };
	return read_pairs(build, &target, at->value);
}

/* PgBouncer takes ids up to 65535 here, since that is what a cancel key has room for. */
static bool add_peer(struct build *build, const struct assignment *at)
{
	struct config *config = build->config;
	struct config_peer *peer;
	struct target target;
	char *end, name[24];
	unsigned long id = strtoul(at->name, &end, 10);

	if (!isdigit((unsigned char)at->name[0]) || *end != '\0' || id < 1 || id > PEER_ID_MAX)
		return refuse(build, "the name of a peer is its peer_id, 1 .. %d, not \"%.40s\"",
			      PEER_ID_MAX, at->name);
	snprintf(name, sizeof(name), "%lu", id);
	peer = add_entry((void **)&config->peers, &config->peer_count, sizeof(*peer));
	peer->name = source_string(config->source, name);
	peer->id = (unsigned)id;
	peer->file = at->file;
	peer->line = at->line;
	entry_init(IN_PEER, peer);
	target = (struct target){ IN_PEER, at->name, peer, &peer->settings, &peer->set };
	if (!read_pairs(build, &target, at->value))
		return false;
	if (*peer->host == '\0')
		return refuse(build, "peer %s: host is missing", name);
	return true;
}

static bool apply(struct build *build, const struct assignment *at)
{
	build->file = at->file;
	build->line = at->line;
	text_clear(&build->why);
	switch (at->section) {
	case SECTION_PGWEIR:
		return set_global(build, at);
	case SECTION_CLUSTERS:
		return add_cluster(build, at);
	case SECTION_DATABASES:
		return add_database(build, at);
	case SECTION_USERS:
		return add_user(build, at);
	case SECTION_PEERS:
		return add_peer(build, at);
	case SECTION_NONE:
		break;
	}
	assert(false);
	return false;
}

/* Entries in order of name, equal names in the order of the file: the one that counts is last. */

static int compare_databases(const void *a, const void *b)
{
	const struct config_database *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order != 0 ? order : x->order < y->order ? -1 : 1;
}

static int compare_clusters(const void *a, const void *b)
{
	const struct config_cluster *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order != 0 ? order : x->order < y->order ? -1 : 1;
}

static int compare_peers(const void *a, const void *b)
{
	const struct config_peer *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order != 0 ? order : x->order < y->order ? -1 : 1;
}

static int compare_users(const void *a, const void *b)
{
	const struct config_user *x = a, *y = b;
	int order = strcmp(x->name, y->name);

	return order != 0 ? order : x->order < y->order ? -1 : 1;
}

/* Sorts an array of entries; of equal names the later one stays. */
#define SORT_ENTRIES(array, count, compare)                                                        \
	do {                                                                                       \
		unsigned from, to = 0;                                                             \
		for (from = 0; from < (count); from++)                                             \
			(array)[from].order = from;                                                \
		if ((count) > 1)                                                                   \
			qsort(array, count, sizeof((array)[0]), compare);                          \
		for (from = 0; from < (count); from++) {                                           \
			if (from + 1 < (count) &&                                                  \
			    strcmp((array)[from].name, (array)[from + 1].name) == 0)               \
				continue;                                                          \
			(array)[to++] = (array)[from];                                             \
		}                                                                                  \
		(count) = to;                                                                      \
	} while (0)

/* The fallback moves behind the others: it is an entry, but not a name. */
static void part_fallback(struct config *config)
{
	struct config_database fallback;
	unsigned i;

	for (i = 0; i < config->database_count; i++)
		if (strcmp(config->databases[i].name, "*") == 0)
			break;
	if (i == config->database_count)
		return;
	fallback = config->databases[i];
	config->database_count--;
	memmove(&config->databases[i], &config->databases[i + 1],
		(config->database_count - i) * sizeof(fallback));
	config->databases[config->database_count] = fallback;
	config->fallback = &config->databases[config->database_count];
}

/* What an entry sets itself replaces what it inherits. */
static void overlay(struct settings *settings, const struct settings *own,
		    const struct config_mask *set)
{
	unsigned i;

	for (i = 0; i < settings_count(); i++)
		if (mask_has(set, i))
			value_copy(settings_row(i), settings, own);
}

/* What a plain entry's own target_session_attrs asks of its hosts. */
static enum routing own_role(const struct config_database *database)
{
	const struct setting *row = settings_find("target_session_attrs", IN_DATABASE, NULL);

	return mask_has(&database->set, settings_index(row)) ? database->settings.route
							     : ROUTING_ANY;
}

/* A plain entry behaves as PgBouncer's, whatever is said elsewhere. */
static void settle_plain(const struct config_database *database, struct settings *settings)
{
	if (database->cluster != NULL)
		return;
	settings->route = ROUTING_PRIMARY;
	settings->lazy_begin = false;
}

static void merge_database(struct config *config, struct config_database *database)
{
	struct settings merged = config->settings;

	if (database->cluster != NULL)
		overlay(&merged, &database->cluster->settings, &database->cluster->set);
	overlay(&merged, &database->settings, &database->set);
	database->role = database->cluster == NULL ? own_role(database) : ROUTING_ANY;
	settle_plain(database, &merged);
	database->settings = merged;
}

/* May be done again after the global settings changed: own values are merged onto themselves. */
static void merge(struct config *config)
{
	unsigned i;

	for (i = 0; i < config->cluster_count; i++) {
		struct settings merged = config->settings;

		overlay(&merged, &config->clusters[i].settings, &config->clusters[i].set);
		config->clusters[i].settings = merged;
	}
	for (i = 0; i < config->database_count; i++)
		merge_database(config, &config->databases[i]);
	if (config->fallback != NULL)
		merge_database(config, config->fallback);
}

static bool check_global(struct build *build)
{
	const struct settings *settings = &build->config->settings;

	build->file = build->config->path;
	build->line = 0;
	if (*settings->listen_addr == '\0' && *settings->unix_socket_dir == '\0')
		return refuse(build, "nowhere to listen: set listen_addr or unix_socket_dir");
	if (settings->client_tls.sslmode != TLS_MODE_DISABLE &&
	    (*settings->client_tls.key_file == '\0' || *settings->client_tls.cert_file == '\0'))
		return refuse(build, "client_tls_sslmode needs client_tls_key_file and "
				     "client_tls_cert_file");
	if (*settings->auth_hba_file == '\0' && settings->auth_type == AUTH_TYPE_HBA)
		return refuse(build, "auth_hba_file is not set, and auth_type=hba needs it");
	if (config_name_is_console(settings->auth_dbname))
		return refuse(build, "cannot use the reserved \"%s\" database as an auth_dbname",
			      settings->auth_dbname);
	return true;
}

static bool check_cluster(struct build *build, struct config_cluster *cluster)
{
	build->file = cluster->file;
	build->line = cluster->line;
	text_clear(&build->why);
	if (!hosts_read_cluster(cluster->hosts_text, build->config->source, &cluster->hosts,
				&cluster->host_count, &build->why))
		return refuse(build, "%s: %s", cluster->name, text_string(&build->why));
	return true;
}

static bool find_cluster(struct build *build, struct config_database *database)
{
	struct config *config = build->config;
	struct spell near;
	unsigned i;

	database->cluster =
		(struct config_cluster *)config_cluster_find(config, database->cluster_name);
	if (database->cluster != NULL)
		return true;
	spell_init(&near, database->cluster_name);
	for (i = 0; i < config->cluster_count; i++)
		spell_try(&near, config->clusters[i].name);
	return refuse(build, "%s: there is no cluster \"%.100s\"%s%s", database->name,
		      database->cluster_name, near.best != NULL ? "; the nearest known is " : "",
		      near.best != NULL ? near.best : "");
}

/* Settings that mean nothing without a cluster: whoever writes them forgot cluster=. */
static bool check_plain(struct build *build, const struct config_database *database)
{
	static const char *const words[] = { "lazy_begin",	 "max_replica_lag", "no_replica",
					     "read_consistency", "replica_balance", "route" };
	size_t i;

	for (i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		const struct setting *row = settings_find(words[i], IN_DATABASE, NULL);

		if (mask_has(&database->set, settings_index(row)))
			return refuse(build, "%s: %s needs cluster=", database->name, words[i]);
	}
	if (own_role(database) == ROUTING_PREFER_REPLICA)
		return refuse(build, "%s: target_session_attrs=prefer-standby needs cluster=",
			      database->name);
	return true;
}

static void add_parameter(struct config_database *database, const char *name, const char *value)
{
	struct config_parameter *parameter;

	if (*value == '\0')
		return;
	parameter = &database->parameters[database->parameter_count++];
	parameter->name = name;
	parameter->value = value;
}

static bool check_database(struct build *build, struct config_database *database)
{
	struct config_source *source = build->config->source;
	const char *host = database->host;

	build->file = database->file;
	build->line = database->line;
	text_clear(&build->why);
	if (strlen(database->user) > USER_NAME_MAX)
		return refuse(build, "%s: user is longer than %d bytes", database->name,
			      USER_NAME_MAX);
	if (*database->dbname == '\0' && database != build->config->fallback)
		database->dbname = database->name;
	database->parameters = source_alloc(source, 4 * sizeof(*database->parameters));
	add_parameter(database, "client_encoding", database->client_encoding);
	add_parameter(database, "datestyle", database->datestyle);
	add_parameter(database, "timezone", database->timezone);
	add_parameter(database, "application_name", database->application_name);
	if (*database->cluster_name != '\0') {
		if (*host != '\0')
			return refuse(build, "%s: host and cluster exclude each other",
				      database->name);
		return find_cluster(build, database);
	}
	if (!check_plain(build, database))
		return false;
	if (*host == '\0')
		host = build->config->settings.unix_socket_dir;
	if (*host == '\0')
		return refuse(build, "%s: no host, and unix_socket_dir is empty", database->name);
	if (!hosts_read_plain(host, database->port, source, &database->hosts, &database->host_count,
			      &build->why))
		return refuse(build, "%s: %s", database->name, text_string(&build->why));
	return true;
}

static bool check(struct build *build)
{
	struct config *config = build->config;
	unsigned i;

	if (!check_global(build))
		return false;
	for (i = 0; i < config->cluster_count; i++)
		if (!check_cluster(build, &config->clusters[i]))
			return false;
	for (i = 0; i < config->database_count; i++)
		if (!check_database(build, &config->databases[i]))
			return false;
	for (i = 0; i < config->peer_count; i++)
		if (config->peers[i].pool_size == 0)
			config->peers[i].pool_size = config->settings.default_pool_size;
	return config->fallback == NULL || check_database(build, config->fallback);
}

/* Takes the source over; NULL and `error` if anything is wrong. */
static struct config *build_config(const char *path, struct config_source *source,
				   struct config_error *error)
{
	struct config *config = mem_zero(sizeof(*config));
	struct build build = { .config = config, .error = error };
	bool ok = true;
	unsigned i;

	config->refs = 1;
	config->source = source;
	config->path = source_string(source, path);
	settings_init(&config->settings);
	for (i = 0; i < source->count && ok; i++)
		ok = apply(&build, &source->assignments[i]);
	if (*config->settings.conffile == '\0')
		config->settings.conffile = config->path;
	if (ok) {
		SORT_ENTRIES(config->databases, config->database_count, compare_databases);
		SORT_ENTRIES(config->clusters, config->cluster_count, compare_clusters);
		SORT_ENTRIES(config->users, config->user_count, compare_users);
		SORT_ENTRIES(config->peers, config->peer_count, compare_peers);
		part_fallback(config);
		ok = check(&build);
	}
	text_done(&build.why);
	if (!ok) {
		config_unref(config);
		return NULL;
	}
	merge(config);
	return config;
}

struct config *config_load(const char *path, struct config_error *error)
{
	struct config_source *source = source_new();

	if (!reader_read_file(source, path, error)) {
		source_free(source);
		return NULL;
	}
	return build_config(path, source, error);
}

struct config *config_load_text(const char *text, size_t len, struct config_error *error)
{
	struct config_source *source = source_new();

	if (!reader_read_text(source, text, len, error)) {
		source_free(source);
		return NULL;
	}
	return build_config("", source, error);
}

struct config *config_ref(struct config *config)
{
	config->refs++;
	return config;
}

void config_unref(struct config *config)
{
	if (config == NULL || --config->refs > 0)
		return;
	source_free(config->source);
	free(config->databases);
	free(config->clusters);
	free(config->users);
	free(config->peers);
	free(config);
}

void config_error_format(const struct config_error *error, char *buffer, size_t size)
{
	if (*error->file == '\0' && error->line == 0)
		snprintf(buffer, size, "%s", error->text);
	else if (*error->file == '\0')
		snprintf(buffer, size, "line %u: %s", error->line, error->text);
	else if (error->line == 0)
		snprintf(buffer, size, "%s: %s", error->file, error->text);
	else
		snprintf(buffer, size, "%s:%u: %s", error->file, error->line, error->text);
}

static int match_database(const void *name, const void *entry)
{
	return strcmp(name, ((const struct config_database *)entry)->name);
}

static int match_cluster(const void *name, const void *entry)
{
	return strcmp(name, ((const struct config_cluster *)entry)->name);
}

static int match_user(const void *name, const void *entry)
{
	return strcmp(name, ((const struct config_user *)entry)->name);
}

static const void *find_entry(const char *name, const void *array, unsigned count, size_t size,
			      int (*match)(const void *name, const void *entry))
{
	return count != 0 ? bsearch(name, array, count, size, match) : NULL;
}

const struct config_database *config_database_find(const struct config *config, const char *name)
{
	return find_entry(name, config->databases, config->database_count,
			  sizeof(config->databases[0]), match_database);
}

const struct config_database *config_database_fallback(const struct config *config)
{
	return config->fallback;
}

const struct config_cluster *config_cluster_find(const struct config *config, const char *name)
{
	return find_entry(name, config->clusters, config->cluster_count,
			  sizeof(config->clusters[0]), match_cluster);
}

const struct config_user *config_user_find(const struct config *config, const char *name)
{
	return find_entry(name, config->users, config->user_count, sizeof(config->users[0]),
			  match_user);
}

usec_t config_user_time(const struct config *config, const struct config_database *database,
			const char *user, const char *name)
{
	const struct setting *row = settings_find(name, IN_USER, NULL);
	const struct config_user *entry = config_user_find(config, user);
	const struct settings *settings = &database->settings;
	usec_t time;

	if (entry != NULL && mask_has(&entry->set, settings_index(row)))
		settings = &entry->settings;
	memcpy(&time, (const char *)settings + row->offset, sizeof(time));
	return time;
}

const struct config_peer *config_peer_find(const struct config *config, unsigned id)
{
	for (unsigned i = 0; i < config->peer_count; i++)
		if (config->peers[i].id == id)
			return &config->peers[i];
	return NULL;
}

bool config_name_is_console(const char *name)
{
	return strcmp(name, "pgbouncer") == 0 || strcmp(name, "pgweir") == 0;
}

void config_effective(const struct config *config, const struct config_database *database,
		      const char *user, struct settings *out)
{
	const struct config_user *entry = user != NULL ? config_user_find(config, user) : NULL;

	*out = database != NULL ? database->settings : config->settings;
	if (entry != NULL)
		overlay(out, &entry->settings, &entry->set);
	if (database != NULL)
		settle_plain(database, out);
}

bool config_show(const struct config *config, const struct setting *row, struct text *out)
{
	const char *written = config->written[settings_index(row)];

	if (written == NULL || row->type != KEY_STRING)
		return setting_show(row, &config->settings, out);
	text_add(out, written);
	return true;
}

struct config *config_set(const struct config *config, const char *key, const char *value,
			  struct config_error *error)
{
	const struct setting *row;
	struct config_source *source;
	struct config *changed;
	struct text why = { 0 };

	row = settings_find(key, IN_GLOBAL, &why);
	if (row == NULL)
		config_error_set(error, NULL, 0, "%s", text_string(&why));
	text_done(&why);
	if (row == NULL)
		return NULL;
	if (row->applies == RESTART) {
		config_error_set(error, NULL, 0, "%s cannot be changed without a restart", key);
		return NULL;
	}
	source = source_copy(config->source);
	source_add(source, "", 0, SECTION_PGWEIR, key, value);
	changed = build_config(config->path, source, error);
	if (changed != NULL)
		config_carry(changed, config);
	return changed;
}

void config_carry(struct config *loaded, const struct config *running)
{
	unsigned i;

	for (i = 0; i < settings_count(); i++) {
		const struct setting *row = settings_row(i);
		const char **s;

		if (row->applies != RESTART)
			continue;
		value_copy(row, &loaded->settings, &running->settings);
		loaded->written[i] = running->written[i] != NULL
					     ? source_string(loaded->source, running->written[i])
					     : NULL;
		if (row->type == KEY_STRING) {
			s = value_string(row, &loaded->settings);
			*s = source_string(loaded->source, *s);
		}
	}
	merge(loaded);
}
