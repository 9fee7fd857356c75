/* SPDX-License-Identifier: ISC */
#include "io/pgquery.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * A scripted server, in a child process behind a Unix socket: reads the startup packet, says what
 * the script says, and for each `wait` mark reads a message of the client first.
 */

#define B(s) s, sizeof(s) - 1
#define WELCOME "R\0\0\0\10\0\0\0\0K\0\0\0\14\0\0\0\1\0\0\0\2Z\0\0\0\5I"
#define ROW_42                                                                                     \
	"T\0\0\0\32\0\1x\0\0\0\0\0\0\0\0\0\0\31\377\377\377\377\377\377\0\0"                       \
	"D\0\0\0\14\0\1\0\0\0\00242C\0\0\0\15SELECT 1\0Z\0\0\0\5I"
#define ENDS "E\0\0\0\44SFATAL\0VFATAL\0C57P01\0Mgood bye\0\0"
#define STARTS "E\0\0\0\50SFATAL\0VFATAL\0C57P03\0Mnot yet open\0\0"
#define NOT_IN "E\0\0\0\43SFATAL\0VFATAL\0C28P01\0Mgo away\0\0"
#define WRONG "E\0\0\0\43SERROR\0VERROR\0C42601\0Mtut tut\0\0Z\0\0\0\5I"

struct say {
	const char *bytes;
	size_t len;
	bool wait; /* for a message of the client first */
};

static char folder[64], path[128];
static pid_t child;
static struct loop loop;
static struct pgquery *query;
static struct addr addr;

static int ready, answers, failures;
static enum pgquery_failure failure;
static char sqlstate[8], text[256], value[32], error_code[8];
static const char *next_sql;
static bool close_when_ready, close_when_answered;

static void serve(int listener, const struct say *say)
{
	char buffer[4096];
	int fd = accept(listener, NULL, NULL);

	if (fd < 0 || read(fd, buffer, sizeof(buffer)) <= 0)
		_exit(1);
	for (; say->bytes != NULL; say++) {
		if (say->wait && read(fd, buffer, sizeof(buffer)) <= 0)
			_exit(1);
		if (say->len > 0 && write(fd, say->bytes, say->len) < 0)
			_exit(1);
	}
	if (!say->wait)
		close(fd);
	/* Otherwise silent until the client goes. */
	while (say->wait && read(fd, buffer, sizeof(buffer)) > 0)
		;
	_exit(0);
}

static void start_server(const struct say *say)
{
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);

	ck_assert_int_eq(bind(listener, &addr.sa, addr.len), 0);
	ck_assert_int_eq(listen(listener, 1), 0);
	child = fork();
	if (child == 0)
		serve(listener, say);
	close(listener);
}

static void on_ready(struct pgquery *which)
{
	ready++;
	ck_assert_ptr_eq(which, query);
	ck_assert_ptr_eq(pgquery_arg(which), &ready);
	ck_assert(pgquery_is_ready(which) && !pgquery_is_busy(which));
	if (close_when_ready) {
		pgquery_close(which);
		query = NULL;
		loop_stop(&loop);
	} else if (next_sql != NULL) {
		pgquery_send(which, next_sql, 5 * USEC_PER_SEC);
		ck_assert(pgquery_is_busy(which));
	}
}

static void on_answer(struct pgquery *which, const PGresult *result)
{
	const char *code = PQresultErrorField(result, PG_DIAG_SQLSTATE);

	answers++;
	ck_assert(pgquery_is_ready(which));
	if (PQntuples(result) > 0)
		snprintf(value, sizeof(value), "%s", PQgetvalue(result, 0, 0));
	snprintf(error_code, sizeof(error_code), "%s", code != NULL ? code : "");
	if (close_when_answered) {
		pgquery_close(which);
		query = NULL;
		loop_stop(&loop);
	}
	/* What the result holds outlives the connection. */
	ck_assert_int_ge(PQntuples(result), 0);
}

static void on_failed(struct pgquery *which, enum pgquery_failure why, const char *code,
		      const char *words)
{
	failures++;
	failure = why;
	snprintf(sqlstate, sizeof(sqlstate), "%s", code);
	snprintf(text, sizeof(text), "%s", words);
	pgquery_close(which);
	query = NULL;
	loop_stop(&loop);
}

static const struct pgquery_owner owner = { on_ready, on_answer, on_failed };

static void open_query(usec_t timeout)
{
	const struct pgquery_login login = {
		.addr = &addr,
		.host = "db",
		.user = "me",
		.password = "hush",
		.database = "postgres",
	};

	query = pgquery_open(&loop, &login, timeout, &owner, &ready);
	/* Nothing is told from within. */
	ck_assert_int_eq(ready + answers + failures, 0);
}

static void setup(void)
{
	snprintf(folder, sizeof(folder), "/tmp/pgquery.XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert(addr_parse(&addr, folder, 5432));
	snprintf(path, sizeof(path), "%s/.s.PGSQL.5432", folder);
	child = 0;
	next_sql = NULL;
	ready = answers = failures = 0;
	close_when_ready = close_when_answered = false;
	loop_init(&loop);
}

static void teardown(void)
{
	pgquery_close(query);
	query = NULL;
	loop_done(&loop);
	if (child > 0)
		waitpid(child, NULL, 0);
	unlink(path);
	rmdir(folder);
}

/* A loop without watchers ends, even if a task is left. */
static void run(void)
{
	loop_run(&loop);
	loop_end_turn(&loop);
}

static void expect_failure(enum pgquery_failure why, const char *code, const char *words)
{
	ck_assert_int_eq(failures, 1);
	ck_assert_int_eq(failure, why);
	ck_assert_str_eq(sqlstate, code);
	ck_assert_msg(strstr(text, words) != NULL, "%s", text);
	ck_assert_msg(strchr(text, '\n') == NULL, "%s", text);
	ck_assert_msg(strstr(text, "hush") == NULL, "%s", text);
}

START_TEST(test_answer_comes_to_the_command)
{
	start_server(
		(struct say[]){ { B(WELCOME), false }, { B(ROW_42), true }, { NULL, 0, true } });
	next_sql = "select 42";
	close_when_answered = true;
	open_query(5 * USEC_PER_SEC);
	run();
	ck_assert_int_eq(ready, 1);
	ck_assert_int_eq(answers, 1);
	ck_assert_int_eq(failures, 0);
	ck_assert_str_eq(value, "42");
}
END_TEST

START_TEST(test_error_is_an_answer)
{
	start_server(
		(struct say[]){ { B(WELCOME), false }, { B(WRONG), true }, { NULL, 0, true } });
	next_sql = "selekt";
	close_when_answered = true;
	open_query(5 * USEC_PER_SEC);
	run();
	ck_assert_int_eq(answers, 1);
	ck_assert_str_eq(error_code, "42601");
	ck_assert_int_eq(failures, 0);
}
END_TEST

START_TEST(test_nobody_listens)
{
	open_query(5 * USEC_PER_SEC);
	run();
	expect_failure(PGQUERY_REFUSED, "", "No such file");
}
END_TEST

START_TEST(test_server_that_starts_up_is_known_by_its_code)
{
	start_server((struct say[]){ { B(STARTS), false }, { NULL, 0, false } });
	open_query(5 * USEC_PER_SEC);
	run();
	expect_failure(PGQUERY_LOGIN, "57P03", "not yet open");
}
END_TEST

START_TEST(test_refused_login_is_known_by_its_code)
{
	start_server((struct say[]){ { B(NOT_IN), false }, { NULL, 0, false } });
	open_query(5 * USEC_PER_SEC);
	run();
	expect_failure(PGQUERY_LOGIN, "28P01", "go away");
}
END_TEST

START_TEST(test_login_that_never_ends_times_out)
{
	start_server((struct say[]){ { NULL, 0, true } });
	open_query(20 * USEC_PER_MSEC);
	run();
	expect_failure(PGQUERY_TIMEOUT, "", "login timed out");
	ck_assert_int_eq(ready, 0);
}
END_TEST

START_TEST(test_last_words_of_an_idle_server_are_kept)
{
	start_server((struct say[]){ { B(WELCOME ENDS), false }, { NULL, 0, false } });
	open_query(5 * USEC_PER_SEC);
	run();
	ck_assert_int_eq(ready, 1);
	expect_failure(PGQUERY_LOST, "57P01", "good bye");
}
END_TEST

START_TEST(test_last_words_instead_of_an_answer_are_kept)
{
	start_server(
		(struct say[]){ { B(WELCOME), false }, { B(ENDS), true }, { NULL, 0, false } });
	next_sql = "select 42";
	open_query(5 * USEC_PER_SEC);
	run();
	ck_assert_int_eq(answers, 0);
	expect_failure(PGQUERY_LOST, "57P01", "good bye");
}
END_TEST

START_TEST(test_silent_end_is_a_loss)
{
	start_server((struct say[]){ { B(WELCOME), false }, { "", 0, true }, { NULL, 0, false } });
	next_sql = "select 42";
	open_query(5 * USEC_PER_SEC);
	run();
	expect_failure(PGQUERY_LOST, "", "closed the connection");
}
END_TEST

START_TEST(test_server_that_speaks_nonsense_is_lost)
{
	start_server((struct say[]){
		{ B(WELCOME), false }, { B("x\377\377\377\377"), true }, { NULL, 0, false } });
	next_sql = "select 42";
	open_query(5 * USEC_PER_SEC);
	run();
	ck_assert_int_eq(failures, 1);
	ck_assert_int_eq(answers, 0);
}
END_TEST

START_TEST(test_call_may_close_the_connection)
{
	start_server((struct say[]){ { B(WELCOME), false }, { NULL, 0, true } });
	close_when_ready = true;
	open_query(5 * USEC_PER_SEC);
	run();
	ck_assert_int_eq(ready, 1);
	ck_assert_int_eq(failures, 0);
}
END_TEST

START_TEST(test_closed_connection_calls_nobody)
{
	open_query(5 * USEC_PER_SEC); /* has failed, but nobody was told yet */
	pgquery_close(query);
	query = NULL;
	loop_end_turn(&loop);
	ck_assert_int_eq(ready + answers + failures, 0);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("pgquery");
	TCase *tc = tcase_create("pgquery");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(tc, setup, teardown);
	tcase_set_timeout(tc, 20);
	tcase_add_test(tc, test_answer_comes_to_the_command);
	tcase_add_test(tc, test_error_is_an_answer);
	tcase_add_test(tc, test_nobody_listens);
	tcase_add_test(tc, test_server_that_starts_up_is_known_by_its_code);
	tcase_add_test(tc, test_refused_login_is_known_by_its_code);
	tcase_add_test(tc, test_login_that_never_ends_times_out);
	tcase_add_test(tc, test_last_words_of_an_idle_server_are_kept);
	tcase_add_test(tc, test_last_words_instead_of_an_answer_are_kept);
	tcase_add_test(tc, test_silent_end_is_a_loss);
	tcase_add_test(tc, test_server_that_speaks_nonsense_is_lost);
	tcase_add_test(tc, test_call_may_close_the_connection);
	tcase_add_test(tc, test_closed_connection_calls_nobody);
	suite_add_tcase(suite, tc);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
