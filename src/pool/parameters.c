/* SPDX-License-Identifier: ISC */
/* Settings that follow a client from server to server: the sets of their values. */
#include "pool/parameters.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/intern.h"
#include "base/map.h"
#include "base/mem.h"

enum how {
	SHARED, /* with PgBouncer */
	OURS,
	TOLD,
};

/*
 * search_path is reported from PostgreSQL 18 on, scram_iterations from 16 on, and
 * default_transaction_isolation never: the router wants to know it.
 */
static const struct {
	const char *name;
	enum how how;
} fixed[] = {
	{ "client_encoding", SHARED },
	{ "DateStyle", SHARED },
	{ "TimeZone", SHARED },
	{ "standard_conforming_strings", SHARED },
	{ "IntervalStyle", SHARED },
	{ "application_name", SHARED },
	{ "search_path", OURS },
	{ "default_transaction_read_only", OURS },
	{ "default_transaction_isolation", OURS },
	{ "scram_iterations", OURS },
	{ "in_hot_standby", TOLD },
	{ "is_superuser", TOLD },
	{ "session_authorization", TOLD },
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
		names[count] = fixed[count].name;
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

bool parameter_is_told(int index)
{
	return index < FIXED && fixed[index].how == TOLD;
}

bool parameter_is_ours(int index)
{
	return index < FIXED && fixed[index].how == OURS;
}

/* ---- sets ---- */

/* Both interned. */
struct extra {
	const char *name;
	const char *value;
};

struct parameters {
	uint64_t hash;
	uint32_t refs;
	uint32_t extra_count;
	bool serializable; /* default_transaction_isolation is */
	const struct parameters *base;
	const char *value[PARAMETERS_MAX]; /* interned, so that equal sets are equal bytes */
	struct extra extra[];		   /* in order of name */
};

/* A set in the making: what it points to is owned by somebody else. */
struct draft {
	const struct parameters *base;
	const char *value[PARAMETERS_MAX];
	uint32_t extra_count;
	struct extra extra[PARAMETERS_EXTRA_MAX];
};

static struct map sets;

static bool same(const void *set, const void *draft)
{
	const struct parameters *a = set;
	const struct draft *b = draft;

	return a->base == b->base && a->extra_count == b->extra_count &&
	       memcmp(a->value, b->value, sizeof(a->value)) == 0 &&
	       memcmp(a->extra, b->extra, a->extra_count * sizeof(a->extra[0])) == 0;
}

static uint64_t hash_of(const struct draft *draft)
{
	uint64_t parts[3] = {
		(uint64_t)(uintptr_t)draft->base,
		map_hash(draft->value, sizeof(draft->value)),
		map_hash(draft->extra, draft->extra_count * sizeof(draft->extra[0])),
	};

	return map_hash(parts, sizeof(parts));
}

static bool is_serializable(const struct parameters *set)
{
	static const char name[] = "default_transaction_isolation";
	int index = parameter_index(name);
	const char *value = index >= 0 ? set->value[index] : parameters_extra_value(set, name);

	return value != NULL && strcasecmp(value, "serializable") == 0;
}

static struct parameters *make(const struct draft *draft, uint64_t hash)
{
	struct parameters *set =
		mem_zero(sizeof(*set) + draft->extra_count * sizeof(set->extra[0]));

	set->hash = hash;
	parameters_share(&set->base, draft->base);
	for (int i = 0; i < PARAMETERS_MAX; i++)
		set->value[i] = intern_ref(draft->value[i]);
	for (uint32_t i = 0; i < draft->extra_count; i++) {
		set->extra[i].name = intern_ref(draft->extra[i].name);
		set->extra[i].value = intern_ref(draft->extra[i].value);
	}
	set->extra_count = draft->extra_count;
	set->serializable = is_serializable(set);
	map_add(&sets, hash, set);
	return set;
}

static void open_draft(struct draft *draft, const struct parameters *set)
{
	draft->base = parameters_base(set);
	draft->extra_count = parameters_extras(set);
	if (set == NULL) {
		memset(draft->value, 0, sizeof(draft->value));
		return;
	}
	memcpy(draft->value, set->value, sizeof(draft->value));
	memcpy(draft->extra, set->extra, set->extra_count * sizeof(set->extra[0]));
}

static bool is_empty(const struct draft *draft)
{
	for (int i = 0; i < PARAMETERS_MAX; i++)
		if (draft->value[i] != NULL)
			return false;
	return draft->base == NULL && draft->extra_count == 0;
}

static void close_draft(const struct parameters **slot, const struct draft *draft)
{
	struct parameters *set = NULL;

	if (!is_empty(draft)) {
		uint64_t hash = hash_of(draft);

		set = map_find_match(&sets, hash, same, draft);
		if (set == NULL)
			set = make(draft, hash);
		set->refs++;
	}
	parameters_clear(slot);
	*slot = set;
}

const char *parameters_value(const struct parameters *set, int index)
{
	return set != NULL ? set->value[index] : NULL;
}

bool parameters_serializable(const struct parameters *set)
{
	return set != NULL && set->serializable;
}

bool parameters_read_only(const struct parameters *set)
{
	const char *value = parameters_value(set, PARAMETER_DEFAULT_READ_ONLY);

	return value != NULL && strcasecmp(value, "on") == 0;
}

unsigned parameters_extras(const struct parameters *set)
{
	return set != NULL ? set->extra_count : 0;
}

const char *parameters_extra(const struct parameters *set, unsigned i, const char **value)
{
	*value = set->extra[i].value;
	return set->extra[i].name;
}

const struct parameters *parameters_base(const struct parameters *set)
{
	return set != NULL ? set->base : NULL;
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
	for (uint32_t i = 0; i < set->extra_count; i++) {
		intern_unref(set->extra[i].name);
		intern_unref(set->extra[i].value);
	}
	parameters_clear(&set->base); /* which has no base itself */
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
	const char *interned = value != NULL ? intern_string(value) : NULL;
	struct draft draft;

	open_draft(&draft, *slot);
	draft.value[index] = interned;
	close_draft(slot, &draft);
	intern_unref(interned);
}

static size_t bytes_of(const struct draft *draft)
{
	size_t bytes = 0;

	for (uint32_t i = 0; i < draft->extra_count; i++)
		bytes += strlen(draft->extra[i].name) + strlen(draft->extra[i].value);
	return bytes;
}

/* Puts an extra where it belongs, or takes it out (NULL); false if there is no room. */
static bool place(struct draft *draft, const char *name, const char *value)
{
	struct extra *extra = draft->extra;
	uint32_t at = 0;

	while (at < draft->extra_count && strcmp(extra[at].name, name) < 0)
		at++;
	if (at < draft->extra_count && strcmp(extra[at].name, name) == 0) {
		extra[at].value = value;
		if (value == NULL)
			memmove(&extra[at], &extra[at + 1],
				(--draft->extra_count - at) * sizeof(*extra));
	} else if (value != NULL) {
		if (draft->extra_count == PARAMETERS_EXTRA_MAX)
			return false;
		memmove(&extra[at + 1], &extra[at], (draft->extra_count++ - at) * sizeof(*extra));
		extra[at].name = name;
		extra[at].value = value;
	}
	return value == NULL || bytes_of(draft) <= PARAMETERS_EXTRA_BYTES;
}

/* Names are compared as PostgreSQL does: ASCII letters in either case are the same. */
static const char *intern_folded(const char *name)
{
	char *folded = mem_string(name);
	const char *interned;

	for (char *c = folded; *c != '\0'; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c |= 0x20;
	interned = intern_string(folded);
	free(folded);
	return interned;
}

bool parameters_put(const struct parameters **slot, const char *name, const char *value)
{
	int index = parameter_index(name);
	const char *folded, *interned;
	struct draft draft;
	bool fits;

	if (index >= 0 && !parameter_is_told(index)) {
		parameters_set(slot, index, value);
		return true;
	}
	folded = intern_folded(name);
	interned = value != NULL ? intern_string(value) : NULL;
	open_draft(&draft, *slot);
	fits = place(&draft, folded, interned);
	if (fits)
		close_draft(slot, &draft);
	intern_unref(folded);
	intern_unref(interned);
	return fits;
}

void parameters_rebase(const struct parameters **slot, const struct parameters *base)
{
	struct draft draft;

	open_draft(&draft, *slot);
	draft.base = base;
	close_draft(slot, &draft);
}

void parameters_drop_extras(const struct parameters **slot)
{
	struct draft draft;

	if (parameters_extras(*slot) == 0)
		return;
	open_draft(&draft, *slot);
	draft.extra_count = 0;
	close_draft(slot, &draft);
}

void parameters_reset(const struct parameters **slot, uint32_t reported)
{
	struct draft draft;

	open_draft(&draft, *slot);
	draft.base = NULL;
	draft.extra_count = 0;
	for (int i = 0; i < PARAMETERS_MAX; i++)
		if ((reported >> i & 1) == 0)
			draft.value[i] = NULL;
	close_draft(slot, &draft);
}

/* ---- what makes a server fit ---- */

static bool is_ascii(const char *s)
{
	for (; *s != '\0'; s++)
		if ((unsigned char)*s >= 0x80)
			return false;
	return true;
}

/*
 * Other than ASCII is sent as hexadecimal digits: the server takes a query's text to be in the
 * encoding that it has before the query, and in some encodings a byte of a character looks like
 * a backslash.
 */
void parameters_literal(struct text *sql, const char *value, const char *encoding)
{
	if (!is_ascii(value)) {
		text_add(sql, "pg_catalog.convert_from(pg_catalog.decode('");
		for (; *value != '\0'; value++)
			text_printf(sql, "%02x", (unsigned char)*value);
		text_add(sql, "','hex'),");
		parameters_literal(sql, encoding != NULL ? encoding : "UTF8", NULL);
		text_add_char(sql, ')');
		return;
	}
	text_add(sql, strchr(value, '\\') != NULL ? " E'" : "'");
	for (; *value != '\0'; value++) {
		if (*value == '\'' || *value == '\\')
			text_add_char(sql, *value);
		text_add_char(sql, *value);
	}
	text_add_char(sql, '\'');
}

/* What is being written, and what is before the next call of set_config in it. */
struct changes {
	struct text *sql;
	const char *encoding;
	const char *before;
	enum difference difference;
};

static void note_difference(struct changes *changes, const char *value)
{
	if (value == NULL)
		changes->difference = DIFFERENCE_RESETS;
	else if (changes->difference == DIFFERENCE_NONE)
		changes->difference = DIFFERENCE_SETS;
}

/* In a startup packet and in a report a value is what set_config takes, also where SET differs. */
static void configure(struct changes *changes, const char *name, const char *value)
{
	text_add(changes->sql, changes->before);
	text_add(changes->sql, "pg_catalog.set_config(");
	parameters_literal(changes->sql, name, changes->encoding);
	text_add_char(changes->sql, ',');
	if (value != NULL)
		parameters_literal(changes->sql, value, changes->encoding);
	else
		text_add(changes->sql, "NULL"); /* RESET */
	text_add(changes->sql, ",false)");
	changes->before = ",";
	note_difference(changes, value);
}

static void end_configuring(struct changes *changes)
{
	if (changes->before[0] == ',')
		text_add_char(changes->sql, ';');
	changes->before = "SELECT ";
}

static void change_tracked(struct changes *changes, int i, const char *value, const char *current)
{
	if (value == current || parameter_is_told(i))
		return;
	if (value == NULL) {
		text_printf(changes->sql, "RESET %s;", names[i]);
	} else if (current != NULL && i != PARAMETER_APPLICATION_NAME &&
		   strcasecmp(value, current) == 0) {
		return;
	} else if (i >= FIXED || strcmp(names[i], "search_path") == 0 || !is_ascii(value)) {
		/* A list, or who knows what: quoting one whole would make one name of it. */
		configure(changes, names[i], value);
		end_configuring(changes);
	} else {
		text_printf(changes->sql, "SET %s=", names[i]);
		parameters_literal(changes->sql, value, NULL);
		text_add_char(changes->sql, ';');
	}
	note_difference(changes, value);
}

/* Who the session is decides what it may set: the last to be set, the first to be reset. */
static bool is_identity(const char *name)
{
	return strcmp(name, "role") == 0 || strcmp(name, "session_authorization") == 0;
}

const char *parameters_extra_value(const struct parameters *set, const char *name)
{
	for (unsigned i = 0; i < parameters_extras(set); i++)
		if (strcmp(set->extra[i].name, name) == 0)
			return set->extra[i].value;
	return NULL;
}

/* Steps through the names of both sets in order; NULL at the end. */
static const char *next_extra(const struct parameters *wanted, const struct parameters *has,
			      unsigned at[2], const char *value[2])
{
	const struct parameters *both[2] = { wanted, has };
	const char *first = NULL;

	for (int i = 0; i < 2; i++)
		if (at[i] < parameters_extras(both[i]) &&
		    (first == NULL || strcmp(both[i]->extra[at[i]].name, first) < 0))
			first = both[i]->extra[at[i]].name;
	for (int i = 0; i < 2; i++) {
		bool here = first != NULL && at[i] < parameters_extras(both[i]) &&
			    both[i]->extra[at[i]].name == first;

		value[i] = here ? both[i]->extra[at[i]].value : NULL;
		at[i] += here;
	}
	return first;
}

static bool extras_differ(const struct parameters *a, const struct parameters *b)
{
	unsigned n = parameters_extras(a);

	return n != parameters_extras(b) ||
	       (n != 0 && memcmp(a->extra, b->extra, n * sizeof(a->extra[0])) != 0);
}

/* Shorter than what makes a server fit may take, on a machine that is busy. */
static bool is_short(const char *duration)
{
	char *unit;
	double number = strtod(duration, &unit);

	while (*unit == ' ')
		unit++;
	if (strcmp(unit, "us") == 0)
		number /= 1000;
	else if (*unit != '\0' && strcmp(unit, "ms") != 0)
		number *= 1000; /* or more */
	return number > 0 && number < 1000;
}

static bool cuts_short(const char *name, const char *value)
{
	return (strcmp(name, "statement_timeout") == 0 ||
		strcmp(name, "transaction_timeout") == 0) &&
	       value != NULL && is_short(value);
}

/* Timeouts that the server has for one client are not to end what makes it fit another. */
static bool lift_timeouts(const struct parameters *has, struct text *sql)
{
	bool lifted = false;

	for (unsigned i = 0; i < parameters_extras(has); i++) {
		if (!cuts_short(has->extra[i].name, has->extra[i].value))
			continue;
		text_printf(sql, "SET %s=0;", has->extra[i].name);
		lifted = true;
	}
	return lifted;
}

static void change_extras(struct changes *changes, const struct parameters *wanted,
			  const struct parameters *has)
{
	static const char *const identity[] = { "session_authorization", "role" };
	unsigned at[2] = { 0, 0 };
	const char *name, *value[2];

	for (int i = 0; i < 2; i++)
		if (parameters_extra_value(has, identity[i]) != NULL)
			configure(changes, identity[i], NULL);
	end_configuring(changes);
	while ((name = next_extra(wanted, has, at, value)) != NULL)
		if ((value[0] != value[1] || cuts_short(name, value[1])) && !is_identity(name))
			configure(changes, name, value[0]);
	for (int i = 0; i < 2; i++)
		if ((value[0] = parameters_extra_value(wanted, identity[i])) != NULL)
			configure(changes, identity[i], value[0]);
	end_configuring(changes);
}

enum difference parameters_difference(const struct parameters *wanted, const struct parameters *has,
				      struct text *sql)
{
	struct changes changes = { sql, parameters_value(wanted, PARAMETER_CLIENT_ENCODING),
				   "SELECT ", DIFFERENCE_NONE };
	bool lifted = lift_timeouts(has, sql);

	for (int i = 0; i < count; i++)
		change_tracked(&changes, i, parameters_value(wanted, i), parameters_value(has, i));
	if (extras_differ(wanted, has) || (lifted && changes.difference != DIFFERENCE_NONE))
		change_extras(&changes, wanted, has);
	if (changes.difference == DIFFERENCE_NONE)
		text_clear(sql);
	return changes.difference;
}

static void add_row(struct text *sql, const char *name, const char *value, const char *encoding)
{
	text_add(sql, sql->data[sql->len - 1] == ')' ? ",(" : "(");
	parameters_literal(sql, name, encoding);
	text_add_char(sql, ',');
	parameters_literal(sql, value, encoding);
	text_add_char(sql, ')');
}

/*
 * What we have set is a setting of the session; what the client has reset is not any more.  Names
 * of nobody's (app.tenant) and the role are not in pg_settings: they are empty then.
 */
bool parameters_renewal(const struct parameters *base, struct text *sql)
{
	const char *encoding = parameters_value(base, PARAMETER_CLIENT_ENCODING);

	if (base == NULL)
		return false;
	text_add(sql, "SELECT pg_catalog.set_config(n,v,false) FROM (VALUES ");
	for (int i = 0; i < count; i++)
		if (base->value[i] != NULL)
			add_row(sql, names[i], base->value[i], encoding);
	for (unsigned i = 0; i < base->extra_count; i++)
		add_row(sql, base->extra[i].name, base->extra[i].value, encoding);
	text_add(sql, ") AS b(n,v) LEFT JOIN pg_catalog.pg_settings s "
		      "ON pg_catalog.lower(s.name)=pg_catalog.lower(n) "
		      "WHERE s.source<>'session' OR s.name IS NULL AND "
		      "coalesce(pg_catalog.current_setting(n,true),'') IN ('','none')");
	return true;
}
