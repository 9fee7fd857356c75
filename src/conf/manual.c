/* SPDX-License-Identifier: ISC */
/* The manual's tables of settings, from the rows. */
#include "conf/entry.h"
#include "conf/settings.h"
#include "conf/value.h"

static const char *const type_words[] = {
	[KEY_INT] = "number", [KEY_OCTAL] = "octal",   [KEY_BOOL] = "0 or 1",
	[KEY_TIME] = "time",  [KEY_SIZE] = "size",     [KEY_STRING] = "string",
	[KEY_WORD] = "word",  [KEY_SECRET] = "secret",
};

static const char *const applies_words[] = {
	[LIVE] = "at once",
	[NEW_CONNECTIONS] = "new connections",
	[RECONNECT] = "servers reconnect",
	[RESTART] = "restart",
};

static void print_where(unsigned where, FILE *out)
{
	static const struct {
		unsigned bit;
		const char *word;
	} places[] = { { IN_GLOBAL, "global" },
		       { IN_CLUSTER, "cluster" },
		       { IN_DATABASE, "database" },
		       { IN_USER, "user" } };
	bool first = true;
	size_t i;

	for (i = 0; i < sizeof(places) / sizeof(places[0]); i++) {
		if (!(where & places[i].bit))
			continue;
		fprintf(out, "%s%s", first ? "" : ", ", places[i].word);
		first = false;
	}
}

static void print_row(const struct setting *row, bool with_where, FILE *out)
{
	struct text allowed = { 0 };

	if (row->type != KEY_BOOL)
		value_print_allowed(row, &allowed);
	fprintf(out, "| `%s` | %s%s%s | ", row->name, type_words[row->type],
		allowed.len != 0 ? ": " : "", text_string(&allowed));
	if (row->standard != NULL && *row->standard != '\0')
		fprintf(out, "`%s`", row->standard);
	fprintf(out, " | ");
	if (with_where) {
		print_where(row->where, out);
		fprintf(out, " | ");
	}
	fprintf(out, "%s | %s |\n", applies_words[row->applies], row->manual);
	text_done(&allowed);
}

static void print_entries(const char *title, enum setting_where where, FILE *out)
{
	unsigned i;

	fprintf(out, "\n### Keys of entries of %s\n\n", title);
	fprintf(out, "| key | values | default | a change applies | meaning |\n");
	fprintf(out, "|---|---|---|---|---|\n");
	for (i = 0; i < entry_count(where); i++)
		print_row(entry_row(where, i), false, out);
}

void settings_print_manual(FILE *out)
{
	unsigned i;

	fprintf(out, "### Settings\n\n");
	fprintf(out, "| setting | values | default | where | a change applies | meaning |\n");
	fprintf(out, "|---|---|---|---|---|---|\n");
	for (i = 0; i < settings_count(); i++)
		print_row(settings_row(i), true, out);
	print_entries("`[databases]`", IN_DATABASE, out);
	print_entries("`[clusters]`", IN_CLUSTER, out);
	print_entries("`[peers]`", IN_PEER, out);
}
