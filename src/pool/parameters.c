/* SPDX-License-Identifier: ISC */
/* Settings that follow a client from server to server. */
#include "pool/parameters.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/intern.h"
#include "base/map.h"
#include "base/mem.h"

/* search_path is reported from PostgreSQL 18 on, scram_iterations from 16 on. */
static const char *const fixed[] = {
	"client_encoding",  "DateStyle",	"TimeZone",    "standard_conforming_strings",
	"IntervalStyle",    "application_name", "search_path", "default_transaction_read_only",
	"scram_iterations",
};
#define FIXED (int)(sizeof(fixed) / sizeof(fixed[0]))

static const char *names[PARAMETERS_MAX];
static int count;

static bool known(const char *name, size_t len)
{
	for (int i = 0; i < count; i++)
		if (strlen(names[i]) == len && strncasecmp(names[i], name, len) == 0)
			return true;
	return false;
}

void parameters_setup(const char *extra)
{
	for (int i = FIXED; i < count; i++)
		intern_unref(names[i]);
	for (count = 0; count < FIXED; count++)
		names[count] = fixed[count];
	while (extra != NULL && *extra != '\0' && count < PARAMETERS_MAX) {
		size_t len;

		extra += strspn(extra, ", \t");
		len = strcspn(extra, ", \t");
		if (len != 0 && !known(extra, len))
			names[count++] = intern_string_n(extra, len);
		extra += len;
	}
}

int parameters_count(void)
{
	return count;
}

const char *parameter_name(int index)
{
	return names[index];
}

int parameter_index(const char *name)
{
	for (int i = 0; i < count; i++)
		if (strcasecmp(names[i], name) == 0)
			return i;
	return -1;
}

struct parameters {
	uint64_t hash;
	uint32_t refs;
	const char *value[PARAMETERS_MAX]; /* interned, so that equal sets are equal bytes */
};

static struct map sets;

static bool same(const void *set, const void *values)
{
	return memcmp(((const struct parameters *)set)->value, values,
		      sizeof(((const struct parameters *)set)->value)) == 0;
}

const char *parameters_value(const struct parameters *set, int index)
{
	return set != NULL ? set->value[index] : NULL;
}

static struct parameters *find_or_make(const char *const *values)
{
	uint64_t hash = map_hash(values, PARAMETERS_MAX * sizeof(*values));
	struct parameters *set = map_find_match(&sets, hash, same, values);

	if (set == NULL) {
		set = mem_zero(sizeof(*set));
		set->hash = hash;
		for (int i = 0; i < PARAMETERS_MAX; i++)
			set->value[i] = intern_ref(values[i]);
		map_add(&sets, hash, set);
	}
	set->refs++;
	return set;
}

void parameters_clear(const struct parameters **slot)
{
	struct parameters *set = (struct parameters *)(uintptr_t)*slot;

	*slot = NULL;
	if (set == NULL || --set->refs != 0)
		return;
	map_remove(&sets, set->hash, set);
	for (int i = 0; i < PARAMETERS_MAX; i++)
		intern_unref(set->value[i]);
	free(set);
	if (sets.count == 0)
		map_done(&sets);
}

void parameters_share(const struct parameters **slot, const struct parameters *set)
{
	struct parameters *shared = (struct parameters *)(uintptr_t)set;

	if (shared != NULL)
		shared->refs++;
	parameters_clear(slot);
	*slot = set;
}

void parameters_set(const struct parameters **slot, int index, const char *value)
{
	const char *values[PARAMETERS_MAX] = { NULL };
	const struct parameters *changed;

	for (int i = 0; i < PARAMETERS_MAX; i++)
		values[i] = parameters_value(*slot, i);
	values[index] = intern_string(value);
	changed = find_or_make(values);
	intern_unref(values[index]);
	parameters_clear(slot);
	*slot = changed;
}

static void add_literal(struct text *sql, const char *value)
{
	text_add(sql, strchr(value, '\\') != NULL ? " E'" : "'");
	for (; *value != '\0'; value++) {
		if (*value == '\'' || *value == '\\')
			text_add_char(sql, *value);
		text_add_char(sql, *value);
	}
	text_add_char(sql, '\'');
}

/*
 * search_path is reported as the list that it is: quoting it whole would make one name of it.
 */
static void add_set(struct text *sql, const char *name, const char *value)
{
	if (strcmp(name, "search_path") == 0) {
		text_add(sql, "SELECT pg_catalog.set_config('search_path',");
		add_literal(sql, value);
		text_add(sql, ",false);");
		return;
	}
	text_printf(sql, "SET %s=", name);
	add_literal(sql, value);
	text_add_char(sql, ';');
}

bool parameters_difference(const struct parameters *wanted, const struct parameters *has,
			   struct text *sql)
{
	bool any = false;

	for (int i = 0; i < count; i++) {
		const char *value = parameters_value(wanted, i);
		const char *current = parameters_value(has, i);

		if (value == current)
			continue;
		if (value == NULL) {
			text_printf(sql, "RESET %s;", names[i]);
			any = true;
			continue;
		}
		if (current != NULL && strcasecmp(value, current) == 0 &&
		    strcmp(names[i], "application_name") != 0)
			continue;
		add_set(sql, names[i], value);
		any = true;
	}
	return any;
}
