/* SPDX-License-Identifier: ISC */
/* Settings that follow a client from server to server. */
#include "pool/parameters.h"

#include <string.h>
#include <strings.h>

#include "base/intern.h"

/* search_path is reported from PostgreSQL 18 on, scram_iterations from 16 on. */
static const char *const fixed[] = {
	"client_encoding", "DateStyle",	       "TimeZone",    "standard_conforming_strings",
	"IntervalStyle",   "application_name", "search_path", "default_transaction_read_only",
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

void parameters_done(struct parameters *parameters)
{
	for (int i = 0; i < PARAMETERS_MAX; i++) {
		intern_unref(parameters->value[i]);
		parameters->value[i] = NULL;
	}
}

void parameters_set(struct parameters *parameters, int index, const char *value)
{
	intern_set(&parameters->value[index], value);
}

void parameters_copy(struct parameters *to, const struct parameters *from)
{
	for (int i = 0; i < count; i++) {
		const char *old = to->value[i];

		to->value[i] = intern_ref(from->value[i]);
		intern_unref(old);
	}
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
		const char *value = wanted->value[i];

		if (value == NULL || value == has->value[i])
			continue;
		if (has->value[i] != NULL && strcasecmp(value, has->value[i]) == 0 &&
		    strcmp(names[i], "application_name") != 0)
			continue;
		add_set(sql, names[i], value);
		any = true;
	}
	return any;
}
