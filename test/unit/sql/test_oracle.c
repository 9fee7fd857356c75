/* SPDX-License-Identifier: ISC */
/*
 * PostgreSQL's own grammar as the judge: no text whose tree holds a write, a
 * lock, INTO, a system relation or a function that is not on the list may have
 * been taken for a read.
 *
 * The statements are those of the corpus and mutants of them.  The tree is
 * looked through as JSON text: within strings a quote is escaped, so a key is
 * found by its spelling.  ORACLE_MUTANTS and ORACLE_SEED change the dose.
 */

#include <check.h>
#include <pg_query.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sql/classify.h"
#include "sql/functions.h"

#ifndef TEST_DATA
#define TEST_DATA "test/data"
#endif

#define TEXT_ROOM 700
#define CORPUS_ROOM 400

static const struct classify_options plain = { .std_strings = true, .max_scan = 65536 };

static char corpus[CORPUS_ROOM][TEXT_ROOM];
static size_t corpus_size;
static uint64_t seed = 88172645463325252ULL;

static unsigned pick(unsigned below)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return (unsigned)(seed >> 33) % below;
}

static void load_corpus(void)
{
	char line[4096];
	FILE *file = fopen(TEST_DATA "/sql-corpus.tsv", "r");

	ck_assert_ptr_nonnull(file);
	while (fgets(line, sizeof(line), file) && corpus_size < CORPUS_ROOM) {
		char *sql = strchr(line, '\t') + 1;
		char *out = corpus[corpus_size];
		char *end = strchr(sql, '\t');
		char *p;

		*end = '\0';
		if (strlen(sql) >= TEXT_ROOM)
			continue;
		for (p = sql; *p; p++) {
			if (p[0] == '\\' && p[1])
				*out++ = *++p == 'n' ? '\n' : *p;
			else
				*out++ = *p;
		}
		*out = '\0';
		corpus_size++;
	}
	fclose(file);
}

/* The next string after p, up to its quote; NULL if "]" comes first. */
static const char *next_name(const char *p, char *name, size_t room)
{
	size_t len = 0;

	while (*p && *p != ']' && strncmp(p, "\"sval\":\"", 8) != 0)
		p++;
	if (*p != '"')
		return NULL;
	for (p += 8; *p && *p != '"'; p++) {
		if (*p == '\\')
			p++;
		if (len + 1 < room)
			name[len++] = *p;
	}
	name[len] = '\0';
	return p;
}

static const char *bad_function(const char *tree)
{
	static char name[256];
	const char *p = tree;

	while ((p = strstr(p, "\"funcname\":["))) {
		enum function_kind kind;
		const char *next;

		p += strlen("\"funcname\":[");
		while ((next = next_name(p, name, sizeof(name))))
			p = next;
		kind = function_find(name, strlen(name), false);
		if (kind != FUNCTION_SAFE && kind != FUNCTION_EXTENSION && kind != FUNCTION_SETTING)
			return name;
	}
	return NULL;
}

static const char *bad_key(const char *tree)
{
	static const char *const keys[] = {
		"\"InsertStmt\":",
		"\"UpdateStmt\":",
		"\"DeleteStmt\":",
		"\"MergeStmt\":",
		"\"lockingClause\":",
		"\"intoClause\":",
		"\"relname\":\"pg_",
		"\"schemaname\":\"information_schema",
		"\"schemaname\":\"pg_temp",
		"\"is_from\":true",
		"\"is_program\":true",
		"\"filename\":",
		"\"ColumnRef\":{\"fields\":[{\"String\":{\"sval\":\"last_value\"",
		"\"CreateTableAsStmt\":",
		"\"ExecuteStmt\":",
	};
	size_t i;

	for (i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
		if (strstr(tree, keys[i]))
			return keys[i];
	}
	return NULL;
}

static const char *bad_statement(const char *tree)
{
	static const char *const reads[] = {
		"SelectStmt",	    "ExplainStmt",	  "CopyStmt",	    "TransactionStmt",
		"VariableShowStmt", "DeclareCursorStmt",  "FetchStmt",	    "ClosePortalStmt",
		"VariableSetStmt",  "ConstraintsSetStmt", "CheckPointStmt",
	};
	const char *p = tree;

	while ((p = strstr(p, "\"stmt\":{\""))) {
		size_t i;

		p += strlen("\"stmt\":{\"");
		for (i = 0; i < sizeof(reads) / sizeof(reads[0]); i++)
			if (strncmp(p, reads[i], strlen(reads[i])) == 0)
				break;
		if (i == sizeof(reads) / sizeof(reads[0]))
			return p;
	}
	return NULL;
}

struct tally {
	unsigned tried, accepted, replica, missed;
};

/* Anything but the primary must be a read in the eyes of the grammar. */
static void judge(const char *sql, struct tally *tally)
{
	struct verdict verdict = classify(sql, strlen(sql), &plain);
	PgQueryParseResult result;
	const char *bad;

	tally->tried++;
	result = pg_query_parse(sql);
	if (!result.error) {
		tally->accepted++;
		tally->replica += verdict.route != ROUTE_PRIMARY;
		bad = bad_statement(result.parse_tree);
		/* What SET CONSTRAINTS names is no relation. */
		if (!bad && !strstr(result.parse_tree, "\"ConstraintsSetStmt\":"))
			bad = bad_key(result.parse_tree);
		if (!bad)
			bad = bad_function(result.parse_tree);
		if (bad && verdict.route != ROUTE_PRIMARY) {
			tally->missed++;
			fprintf(stderr, "missed %.60s in: %s\n", bad, sql);
		}
	}
	pg_query_free_parse_result(result);
}

static bool is_boundary(char c)
{
	return strchr(" ,();\n.'\"=*[]:", c) != NULL;
}

/* Some piece of the text, cut at boundaries: start, and length in *len. */
static size_t pick_piece(const char *sql, size_t *len)
{
	size_t all = strlen(sql);
	size_t start = all ? pick((unsigned)all) : 0;
	size_t end;

	while (start > 0 && !is_boundary(sql[start - 1]))
		start--;
	end = start + 1 + pick(12);
	while (end < all && !is_boundary(sql[end]))
		end++;
	*len = (end < all ? end : all) - start;
	return start;
}

static void splice(char *sql, size_t start, size_t gone, const char *piece, size_t len)
{
	size_t rest = strlen(sql + start + gone) + 1;

	if (start + len + rest > TEXT_ROOM)
		return;
	memmove(sql + start + len, sql + start + gone, rest);
	memcpy(sql + start, piece, len);
}

/* clang-format off */
static const char *const pieces[] = {
	" f(1) ", " nextval('s') ", " second(2) ", " range() ", " json(1) ", " over(1) ",
	" filter(1) ", " by(1) ", " zone(1) ", " join(1) ", " operator(1) ", " materialized(1) ",
	" rollup(1) ", " cube(1) ", " sets(1) ", " columns(1) ", " first(1) ", " next(1) ",
	" value(1) ", " key(1) ", " varying(1) ", " like(1) ", " ilike(1) ", " escape(1) ",
	" passing(1) ", " recursive(1) ", " temp(1) ", " share(1) ", " public.on(1) ",
	" x.lower('a') ", " t.id ", " x(a) ", " AS x(a) ", " x ", " \"for\" ", " FOR UPDATE ",
	" FOR NO KEY UPDATE ", " FOR SHARE ", " INTO x ", " INTO TEMP x ", " WITH x AS (SELECT 1) ",
	" WITH x(a) AS MATERIALIZED (SELECT 1) ", " AS NOT MATERIALIZED ", " AS not ", " AS for ",
	" SELECT ", " FROM t ", " FROM ", " JOIN ", " LEFT JOIN ", " ON true ", " USING (id) ",
	" GROUP BY ", " GROUPING SETS ", " ORDER BY ", " LIMIT ", " UNION ALL ", " , ", " ( ", " ) ",
	" () ", " DISTINCT ON (1) ", " OPERATOR(pg_catalog.+) ", " AT TIME ZONE ", " OVER (",
	" WITHIN GROUP (", " FILTER (WHERE ", " ROWS ", " PRECEDING ", " BETWEEN ", " AND ",
	" IS DISTINCT FROM ", " LATERAL ", " TABLESAMPLE ", " REPEATABLE (1) ", " INTERVAL '1' ",
	" ; ", " ;SELECT 1 ", "/*", "*/", "--", "'", "''", "\"", "$$", "$a$", "E'", "\\", "\n", "::",
	" ::int ", " . ", "pg_catalog.", "pg_class", " pg_temp.x ", " 1", " 1.", " .5", "1e5", " $1 ",
	" DELETE FROM t ", " (DELETE FROM t RETURNING 1) ", " INSERT INTO t VALUES (1) ",
	" UPDATE t SET n = 1 ", " EXPLAIN ", " ANALYZE ", " COPY ( ", " TO STDOUT ", " FROM STDIN ",
	" BEGIN ", " READ ONLY ", " COMMIT ", " SET LOCAL ", " SET ", " last_value ", " U&\"a\" ",
	" ROWS FROM (f(1)) ", " WITH ORDINALITY ", " XMLEXISTS('a' PASSING ", " CASE ", " END ",
	" WINDOW w AS ", " CURSOR FOR ", " DECLARE c CURSOR FOR ", " CYCLE a SET b USING c ",
	" SEARCH DEPTH FIRST BY a SET b ", " FETCH FIRST ", " ROWS ONLY ", " VALUES ", " TABLE t ",
};
/* clang-format on */

static void mutate(char *sql)
{
	size_t len;
	size_t from_len;
	size_t start = pick_piece(sql, &len);
	const char *other = corpus[pick((unsigned)corpus_size)];
	const char *piece = pieces[pick(sizeof(pieces) / sizeof(pieces[0]))];
	size_t from = pick_piece(other, &from_len);

	switch (pick(7)) {
	case 0:
		splice(sql, start, len, "", 0);
		break;
	case 1:
		splice(sql, start, 0, other + from, from_len);
		break;
	case 2:
		splice(sql, start, len, other + from, from_len);
		break;
	case 3:
	case 4:
		splice(sql, start, 0, piece, strlen(piece));
		break;
	default:
		splice(sql, start, len, piece, strlen(piece));
		break;
	}
}

START_TEST(test_no_write_of_the_corpus_is_a_read)
{
	struct tally tally = { 0 };
	size_t i;

	load_corpus();
	for (i = 0; i < corpus_size; i++)
		judge(corpus[i], &tally);
	ck_assert_uint_gt(tally.accepted, 200);
	ck_assert_uint_gt(tally.replica, 50);
	ck_assert_uint_eq(tally.missed, 0);
}
END_TEST

START_TEST(test_no_mutant_that_writes_is_a_read)
{
	const char *dose = getenv("ORACLE_MUTANTS");
	const char *start = getenv("ORACLE_SEED");
	unsigned mutants = dose ? (unsigned)atoi(dose) : 30000;
	struct tally tally = { 0 };
	char sql[TEXT_ROOM];
	unsigned i;

	load_corpus();
	if (start)
		seed ^= strtoull(start, NULL, 10) * 0x9e3779b97f4a7c15ULL;
	for (i = 0; i < mutants; i++) {
		unsigned changes = 1 + pick(3);

		strcpy(sql, corpus[pick((unsigned)corpus_size)]);
		while (changes-- > 0)
			mutate(sql);
		judge(sql, &tally);
	}
	printf("%u mutants, %u accepted by the grammar, %u of them not for the primary\n",
	       tally.tried, tally.accepted, tally.replica);
	ck_assert_uint_gt(tally.accepted, mutants / 20);
	ck_assert_uint_eq(tally.missed, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("oracle");
	TCase *tcase = tcase_create("oracle");
	SRunner *runner;
	int failed;

	tcase_set_timeout(tcase, 600);
	tcase_add_test(tcase, test_no_write_of_the_corpus_is_a_read);
	tcase_add_test(tcase, test_no_mutant_that_writes_is_a_read);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
