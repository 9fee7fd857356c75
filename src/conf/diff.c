/* SPDX-License-Identifier: ISC */
/* What differs between two configurations, for a reload. */
#include "conf/diff.h"

#include <string.h>

#include "conf/entry.h"
#include "conf/mask.h"
#include "conf/value.h"

struct diff {
	void (*on_difference)(void *arg, const struct config_difference *difference);
	void *arg;
	struct text detail;
};

/* One kind of entries, so that the three arrays are walked by the same code. */
struct shelf {
	enum config_kind kind;
	enum setting_where where;
	const char *first;
	unsigned count;
	size_t size;
	size_t name, settings, set;
};

static const void *entry_at(const struct shelf *shelf, unsigned i)
{
	return shelf->first + i * shelf->size;
}

static const char *name_of(const struct shelf *shelf, const void *entry)
{
	return *(const char *const *)((const char *)entry + shelf->name);
}

static const struct settings *settings_of(const struct shelf *shelf, const void *entry)
{
	return (const struct settings *)(const void *)((const char *)entry + shelf->settings);
}

static const struct config_mask *set_of(const struct shelf *shelf, const void *entry)
{
	return (const struct config_mask *)(const void *)((const char *)entry + shelf->set);
}

static void report(struct diff *diff, const struct shelf *shelf, enum config_change change,
		   const char *name, const void *before, const void *after,
		   enum setting_applies applies)
{
	struct config_difference difference = {
		.kind = shelf->kind,
		.change = change,
		.name = name,
		.detail = text_string(&diff->detail),
		.applies = applies,
		.before = before,
		.after = after,
	};

	diff->on_difference(diff->arg, &difference);
}

/* Lists a key that differs; the strictest of all keys decides what the change applies to. */
static void note_key(struct diff *diff, const struct setting *row, enum setting_applies *applies)
{
	text_printf(&diff->detail, "%s%s", diff->detail.len != 0 ? ", " : "", row->name);
	if (row->applies > *applies)
		*applies = row->applies;
}

/* A plain entry's target_session_attrs, which is not what routes its requests. */
static bool changes_role(const struct shelf *shelf, const void *before, const void *after)
{
	return shelf->where == IN_DATABASE && ((const struct config_database *)before)->role !=
						      ((const struct config_database *)after)->role;
}

static void compare_entries(struct diff *diff, const struct shelf *shelf, const void *before,
			    const void *after)
{
	enum setting_applies applies = LIVE;
	const struct setting *row;
	unsigned i;

	text_clear(&diff->detail);
	for (i = 0; (row = entry_row(shelf->where, i)) != NULL; i++)
		if (!value_is_equal(row, before, after))
			note_key(diff, row, &applies);
	for (i = 0; i < settings_count(); i++) {
		bool was = mask_has(set_of(shelf, before), i),
		     is = mask_has(set_of(shelf, after), i);

		row = settings_row(i);
		if (was != is || (is && !value_is_equal(row, settings_of(shelf, before),
							settings_of(shelf, after))))
			note_key(diff, row, &applies);
	}
	if (changes_role(shelf, before, after)) {
		if (diff->detail.len == 0)
			text_add(&diff->detail, "target_session_attrs");
		applies = RECONNECT;
	}
	if (diff->detail.len != 0)
		report(diff, shelf, CONFIG_CHANGED, name_of(shelf, before), before, after, applies);
}

/* Which of two entries comes first, as strcmp; one that is not there comes last. */
static int order_entries(const struct shelf *before, unsigned i, const struct shelf *after,
			 unsigned j)
{
	if (i == before->count)
		return 1;
	if (j == after->count)
		return -1;
	return strcmp(name_of(before, entry_at(before, i)), name_of(after, entry_at(after, j)));
}

/* Both arrays are in order of name. */
static void compare_shelves(struct diff *diff, const struct shelf *before,
			    const struct shelf *after)
{
	unsigned i = 0, j = 0;

	while (i < before->count || j < after->count) {
		int order = order_entries(before, i, after, j);
		const void *entry = order <= 0 ? entry_at(before, i++) : entry_at(after, j++);

		text_clear(&diff->detail);
		if (order == 0)
			compare_entries(diff, before, entry, entry_at(after, j++));
		else if (order < 0)
			report(diff, before, CONFIG_REMOVED, name_of(before, entry), entry, NULL,
			       RECONNECT);
		else
			report(diff, after, CONFIG_ADDED, name_of(after, entry), NULL, entry, LIVE);
	}
}

static void compare_settings(struct diff *diff, const struct config *before,
			     const struct config *after)
{
	unsigned i;

	for (i = 0; i < settings_count(); i++) {
		const struct setting *row = settings_row(i);
		struct config_difference difference = {
			.kind = CONFIG_SETTING,
			.change = CONFIG_CHANGED,
			.name = row->name,
			.applies = row->applies,
		};

		/* A synonym's field was compared with the row that owns it. */
		if ((row->type == KEY_WORD && row->standard == NULL) ||
		    value_is_equal(row, &before->settings, &after->settings))
			continue;
		text_clear(&diff->detail);
		config_show(before, row, &diff->detail);
		text_add(&diff->detail, " -> ");
		config_show(after, row, &diff->detail);
		difference.detail = text_string(&diff->detail);
		diff->on_difference(diff->arg, &difference);
	}
}

#define SHELF(kind, where, type, array, count)                                                     \
	{                                                                                          \
		kind, where, (const char *)(array), count, sizeof(struct type),                    \
			offsetof(struct type, name), offsetof(struct type, settings),              \
			offsetof(struct type, set)                                                 \
	}

void config_diff(const struct config *before, const struct config *after,
		 void (*on_difference)(void *arg, const struct config_difference *difference),
		 void *arg)
{
	struct diff diff = { on_difference, arg, { 0 } };
	const struct shelf old[] = {
		SHELF(CONFIG_CLUSTER, IN_CLUSTER, config_cluster, before->clusters,
		      before->cluster_count),
		SHELF(CONFIG_DATABASE, IN_DATABASE, config_database, before->databases,
		      before->database_count),
		SHELF(CONFIG_DATABASE, IN_DATABASE, config_database, before->fallback,
		      before->fallback != NULL),
		SHELF(CONFIG_USER, IN_USER, config_user, before->users, before->user_count),
		SHELF(CONFIG_PEER, IN_PEER, config_peer, before->peers, before->peer_count),
	};
	const struct shelf new[] = {
		SHELF(CONFIG_CLUSTER, IN_CLUSTER, config_cluster, after->clusters,
		      after->cluster_count),
		SHELF(CONFIG_DATABASE, IN_DATABASE, config_database, after->databases,
		      after->database_count),
		SHELF(CONFIG_DATABASE, IN_DATABASE, config_database, after->fallback,
		      after->fallback != NULL),
		SHELF(CONFIG_USER, IN_USER, config_user, after->users, after->user_count),
		SHELF(CONFIG_PEER, IN_PEER, config_peer, after->peers, after->peer_count),
	};
	size_t i;

	compare_settings(&diff, before, after);
	for (i = 0; i < sizeof(old) / sizeof(old[0]); i++)
		compare_shelves(&diff, &old[i], &new[i]);
	text_done(&diff.detail);
}

void config_difference_format(const struct config_difference *difference, char *buffer, size_t size)
{
	static const char *const kinds[] = { "setting", "cluster", "database", "user", "peer" };
	static const char *const changes[] = { "added", "removed", "changed" };
	static const char *const effects[] = { "", " (for new connections)", " (servers reconnect)",
					       " (needs a restart: not applied)" };
	bool changed = difference->change == CONFIG_CHANGED;

	snprintf(buffer, size, "%s %s: %s%s%s%s", kinds[difference->kind], difference->name,
		 changes[difference->change], changed ? ": " : "",
		 changed ? difference->detail : "", changed ? effects[difference->applies] : "");
}
