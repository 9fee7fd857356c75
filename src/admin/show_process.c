/* SPDX-License-Identifier: ISC */
/* SHOW VERSION, STATE, CONFIG, LISTS, MEM, DNS_HOSTS, and parameters that drivers ask for. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "admin/console.h"
#include "admin/show.h"
#include "base/intern.h"
#include "base/slab.h"
#include "pool/database.h"
#include "pool/pool.h"
#include "pool/statement.h"
#include "session/client.h"
#include "session/names.h"
#include "session/outside.h"
#include "sql/judgement.h"

void cell_time(struct cell *cell, int64_t moment)
{
	time_t seconds;
	struct tm tm;

	if (moment == 0) {
		cell_null(cell);
		return;
	}
	seconds = (time_t)(clock_wall(moment) / USEC_PER_SEC);
	localtime_r(&seconds, &tm);
	strftime(cell->buffer, sizeof(cell->buffer), "%Y-%m-%d %H:%M:%S %Z", &tm);
	cell->text = cell->buffer;
}

void cell_setting(struct cell *cell, const char *name, const struct settings *settings)
{
	const struct setting *row = settings_find(name, IN_GLOBAL, NULL);
	struct text text = { 0 };

	if (row != NULL && setting_show(row, settings, &text))
		cell_printf(cell, "%s", text_string(&text));
	else
		cell_null(cell);
	text_done(&text);
}

/* ---- pairs of a key and something ---- */

struct pair {
	const char *key;
	const char *text; /* NULL: the number */
	int64_t number;
};

static void pair_key(struct cell *cell, const struct show_column *column, const void *row)
{
	(void)column;
	cell_text(cell, ((const struct pair *)row)->key);
}

static void pair_value(struct cell *cell, const struct show_column *column, const void *row)
{
	const struct pair *pair = row;

	(void)column;
	if (pair->text != NULL)
		cell_text(cell, pair->text);
	else
		cell_integer(cell, pair->number);
}

static void show_text(struct show *show, const char *key, const char *text)
{
	struct pair pair = { key, text, 0 };

	show->row(show, &pair);
}

static void show_number(struct show *show, const char *key, int64_t number)
{
	struct pair pair = { key, NULL, number };

	show->row(show, &pair);
}

/* ---- VERSION, STATE ---- */

static void walk_version(struct show *show)
{
	show_text(show, NULL, console_version());
}

static const struct show_column version_columns[] = {
	{ "version", OID_TEXT, pair_value, 0 },
};
const struct show_table show_version = SHOW_TABLE(version_columns, walk_version);

static const char *yes_or_no(bool yes)
{
	return yes ? "yes" : "no";
}

static void walk_state(struct show *show)
{
	show_text(show, "active", yes_or_no(show->pooler->activity == POOLER_ACTIVE));
	show_text(show, "paused", yes_or_no(show->pooler->activity == POOLER_PAUSED));
	show_text(show, "suspended", yes_or_no(show->pooler->activity == POOLER_SUSPENDED));
}

static const struct show_column state_columns[] = {
	{ "key", OID_TEXT, pair_key, 0 },
	{ "value", OID_TEXT, pair_value, 0 },
};
const struct show_table show_state = SHOW_TABLE(state_columns, walk_state);

/* ---- CONFIG ---- */

struct config_row {
	const struct setting *row;
	struct text value;
	struct text standard;
	bool has_value;
	bool has_standard;
};

enum { CONFIG_KEY, CONFIG_VALUE, CONFIG_STANDARD, CONFIG_CHANGEABLE };

static void config_value(struct cell *cell, const struct show_column *column, const void *data)
{
	const struct config_row *row = data;

	switch (column->arg) {
	case CONFIG_KEY:
		cell_text(cell, row->row->name);
		break;
	case CONFIG_VALUE:
		cell_text(cell, row->has_value ? text_string(&row->value) : NULL);
		break;
	case CONFIG_STANDARD:
		cell_text(cell, row->has_standard ? text_string(&row->standard) : NULL);
		break;
	case CONFIG_CHANGEABLE:
		cell_text(cell, yes_or_no(setting_is_changeable(row->row)));
	}
}

static void walk_config(struct show *show)
{
	struct config_row row = { 0 };

	for (unsigned i = 0; i < settings_count(); i++) {
		row.row = settings_row(i);
		text_clear(&row.value);
		text_clear(&row.standard);
		row.has_value = config_show(show->pooler->config, row.row, &row.value);
		row.has_standard = setting_show_default(row.row, &row.standard);
		show->row(show, &row);
	}
	text_done(&row.value);
	text_done(&row.standard);
}

static const struct show_column config_columns[] = {
	{ "key", OID_TEXT, config_value, CONFIG_KEY },
	{ "value", OID_TEXT, config_value, CONFIG_VALUE },
	{ "default", OID_TEXT, config_value, CONFIG_STANDARD },
	{ "changeable", OID_TEXT, config_value, CONFIG_CHANGEABLE },
};
const struct show_table show_config = SHOW_TABLE(config_columns, walk_config);

/* ---- LISTS ---- */

static unsigned count_pools(const struct pooler *pooler)
{
	unsigned count = 0;

	list_for_each(&pooler->databases, node, after)
		count += list_entry(node, struct database, node)->pools.count;
	return count;
}

static unsigned count_free(const char *name)
{
	for (const struct slab *slab = slab_first(); slab != NULL; slab = slab_next(slab))
		if (strcmp(slab->name, name) == 0)
			return slab_free_count(slab);
	return 0;
}

static void walk_lists(struct show *show)
{
	const struct pooler *pooler = show->pooler;
	unsigned logins = clients_in(CLIENT_STARTUP)->count + clients_in(CLIENT_AUTH)->count +
			  clients_in(CLIENT_WELCOME)->count;

	show_number(show, "databases", pooler->databases.count + 1);
	show_number(show, "users", show_count_users(pooler));
	show_number(show, "peers", show->pooler->config->peer_count);
	show_number(show, "pools", count_pools(pooler) + 1);
	show_number(show, "peer_pools", show->pooler->config->peer_count);
	show_number(show, "free_clients", count_free("client"));
	show_number(show, "used_clients", clients_count());
	show_number(show, "login_clients", logins);
	show_number(show, "free_servers", count_free("server"));
	show_number(show, "used_servers", pooler->servers);
	show_number(show, "dns_names", resolver_names(pooler->resolver));
	show_number(show, "dns_zones", resolver_zones(pooler->resolver));
	show_number(show, "dns_queries", resolver_queries(pooler->resolver));
	show_number(show, "dns_pending", 0);
}

static const struct show_column list_columns[] = {
	{ "list", OID_TEXT, pair_key, 0 },
	{ "items", OID_INT4, pair_value, 0 },
};
const struct show_table show_lists = SHOW_TABLE(list_columns, walk_lists);

/* ---- COUNTERS: of the process, ours ---- */

static uint64_t count_replays(const struct pooler *pooler)
{
	uint64_t count = 0;

	list_for_each(&pooler->databases, node, after) {
		const struct database *database = list_entry(node, struct database, node);

		list_for_each(&database->pools, pool_node, after_pool)
			count += list_entry(pool_node, struct pool, node)->replays;
	}
	return count;
}

static void walk_counters(struct show *show)
{
	show_number(show, "stream_pauses", (int64_t)show->pooler->streams.pauses);
	show_number(show, "replays", (int64_t)count_replays(show->pooler));
	show_number(show, "helpers_started", (int64_t)outside_helpers()->started);
	show_number(show, "helpers_lost", (int64_t)outside_helpers()->lost);
}

static const struct show_column counter_columns[] = {
	{ "name", OID_TEXT, pair_key, 0 },
	{ "value", OID_INT8, pair_value, 0 },
};
const struct show_table show_counters = SHOW_TABLE(counter_columns, walk_counters);

/* ---- MEM ---- */

struct memory {
	const char *name;
	size_t values[4];
};

enum { MEMORY_SIZE, MEMORY_USED, MEMORY_FREE, MEMORY_TOTAL, MEMORY_NAME };

static void memory_value(struct cell *cell, const struct show_column *column, const void *row)
{
	const struct memory *memory = row;

	if (column->arg == MEMORY_NAME)
		cell_text(cell, memory->name);
	else
		cell_integer(cell, (int64_t)memory->values[column->arg]);
}

static void show_memory(struct show *show, const char *name, size_t size, size_t used,
			size_t unused, size_t total)
{
	struct memory memory = { name, { size, used, unused, total } };

	show->row(show, &memory);
}

static void walk_memory(struct show *show)
{
	struct chunk_stats chunks = chunk_stats();
	size_t statements = (size_t)statement_count(), names = (size_t)names_total_count();

	for (const struct slab *slab = slab_first(); slab != NULL; slab = slab_next(slab))
		show_memory(show, slab->name, slab->size, slab->used, slab_free_count(slab),
			    slab_bytes(slab));
	show_memory(show, "chunk", chunk_small, chunks.used, chunks.kept,
		    chunks.used_bytes + chunks.kept_bytes);
	show_memory(show, "statement", statements != 0 ? statement_bytes() / statements : 0,
		    statements, 0, (size_t)statement_bytes());
	show_memory(show, "statement_name", names != 0 ? names_total_bytes() / names : 0, names, 0,
		    (size_t)names_total_bytes());
	show_memory(show, "judgement", JUDGEMENT_BYTES_MAX, judgement_bytes() != 0, 0,
		    judgement_bytes());
	show_memory(show, "string", intern_count() != 0 ? intern_bytes() / intern_count() : 0,
		    intern_count(), 0, intern_bytes());
}

static const struct show_column memory_columns[] = {
	{ "name", OID_TEXT, memory_value, MEMORY_NAME },
	{ "size", OID_INT4, memory_value, MEMORY_SIZE },
	{ "used", OID_INT4, memory_value, MEMORY_USED },
	{ "free", OID_INT4, memory_value, MEMORY_FREE },
	{ "memtotal", OID_INT4, memory_value, MEMORY_TOTAL },
};
const struct show_table show_mem = SHOW_TABLE(memory_columns, walk_memory);

/* ---- DNS ---- */

struct dns_row {
	const char *name;
	const struct addr_list *list;
	usec_t ttl;
};

enum { DNS_NAME, DNS_TTL, DNS_ADDRESSES };

static void dns_value(struct cell *cell, const struct show_column *column, const void *data)
{
	const struct dns_row *row = data;
	char number[ADDR_TEXT_BYTES];
	size_t len = 0;

	switch (column->arg) {
	case DNS_NAME:
		cell_text(cell, row->name);
		break;
	case DNS_TTL:
		cell_integer(cell, row->ttl / USEC_PER_SEC);
		break;
	case DNS_ADDRESSES:
		cell->buffer[0] = '\0';
		for (unsigned i = 0; row->list != NULL && i < row->list->count; i++) {
			addr_text(&row->list->addrs[i], number, sizeof(number));
			if (len + strlen(number) + 2 > sizeof(cell->buffer))
				break;
			len += (size_t)snprintf(cell->buffer + len, sizeof(cell->buffer) - len,
						"%s%s", len != 0 ? "," : "", number);
		}
		cell->text = cell->buffer;
	}
}

static void walk_dns(struct show *show)
{
	struct dns_row row;
	size_t at = 0;

	while ((row.name = resolver_walk(show->pooler->resolver, &at, &row.list, &row.ttl)) != NULL)
		show->row(show, &row);
}

static const struct show_column dns_columns[] = {
	{ "hostname", OID_TEXT, dns_value, DNS_NAME },
	{ "ttl", OID_INT8, dns_value, DNS_TTL },
	{ "addrs", OID_TEXT, dns_value, DNS_ADDRESSES },
};
const struct show_table show_dns_hosts = SHOW_TABLE(dns_columns, walk_dns);

struct zone_row {
	const char *name;
	int64_t serial;
	unsigned names;
};

enum { ZONE_NAME, ZONE_SERIAL, ZONE_NAMES };

static void zone_value(struct cell *cell, const struct show_column *column, const void *data)
{
	const struct zone_row *row = data;

	switch (column->arg) {
	case ZONE_NAME:
		cell_text(cell, row->name);
		break;
	case ZONE_SERIAL:
		cell_integer(cell, row->serial);
		break;
	case ZONE_NAMES:
		cell_integer(cell, row->names);
	}
}

static void walk_zones(struct show *show)
{
	const struct resolver *resolver = show->pooler->resolver;
	const struct list_node *at = NULL;
	struct zone_row row;

	while ((row.name = resolver_walk_zones(resolver, &at, &row.serial, &row.names)) != NULL)
		show->row(show, &row);
}

static const struct show_column zone_columns[] = {
	{ "zonename", OID_TEXT, zone_value, ZONE_NAME },
	{ "serial", OID_INT8, zone_value, ZONE_SERIAL },
	{ "count", OID_INT4, zone_value, ZONE_NAMES },
};
const struct show_table show_dns_zones = SHOW_TABLE(zone_columns, walk_zones);

/* ---- what drivers ask for ---- */

static const char *const constants[] = {
	"1", "", "UTF8", "ISO", "read committed", "1", SHOW_SERVER_VERSION, "on", "GMT",
};
enum {
	ONE,
	APPLICATION_NAME,
	ENCODING,
	DATE_STYLE,
	ISOLATION,
	FLOAT_DIGITS,
	SERVER_VERSION,
	STD_STRINGS,
	TIME_ZONE
};

static void constant_value(struct cell *cell, const struct show_column *column, const void *row)
{
	(void)row;
	cell_text(cell, constants[column->arg]);
}

static void walk_constant(struct show *show)
{
	show->row(show, NULL);
}

#define CONSTANT(variable, name, oid, which)                                                       \
	static const struct show_column variable##_columns[] = { { name, oid, constant_value,      \
								   which } };                      \
	const struct show_table variable = SHOW_TABLE(variable##_columns, walk_constant);

CONSTANT(show_one, "?column?", OID_INT4, ONE)
CONSTANT(show_application_name, "application_name", OID_TEXT, APPLICATION_NAME)
CONSTANT(show_client_encoding, "client_encoding", OID_TEXT, ENCODING)
CONSTANT(show_date_style, "DateStyle", OID_TEXT, DATE_STYLE)
CONSTANT(show_default_isolation, "default_transaction_isolation", OID_TEXT, ISOLATION)
CONSTANT(show_extra_float_digits, "extra_float_digits", OID_TEXT, FLOAT_DIGITS)
CONSTANT(show_isolation, "transaction_isolation", OID_TEXT, ISOLATION)
CONSTANT(show_server_version, "server_version", OID_TEXT, SERVER_VERSION)
CONSTANT(show_std_strings, "standard_conforming_strings", OID_TEXT, STD_STRINGS)
CONSTANT(show_time_zone, "TimeZone", OID_TEXT, TIME_ZONE)
