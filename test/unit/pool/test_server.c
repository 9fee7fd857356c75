/* SPDX-License-Identifier: ISC */
#ifdef HAVE_CONFIG_H
#include "config.h"
#endif

#include "pool/server.h"

#include <check.h>
#include <signal.h>
#include <stdlib.h>

#include "cluster/host.h"
#include "pool/database.h"
#include "pool/pool.h"

/* doc/design.md, "Owners and states", and what the code says more precisely. */
static const struct move {
	enum server_state from;
	enum server_state to;
} moves[] = {
	{ SERVER_CONNECTING, SERVER_LOGIN }, { SERVER_LOGIN, SERVER_IDLE },
	{ SERVER_LOGIN, SERVER_CHORES },     { SERVER_LOGIN, SERVER_LEASED },
	{ SERVER_IDLE, SERVER_LEASED },	     { SERVER_IDLE, SERVER_CHORES },
	{ SERVER_LEASED, SERVER_IDLE },	     { SERVER_LEASED, SERVER_CHORES },
	{ SERVER_LEASED, SERVER_HELD },	     { SERVER_CHORES, SERVER_IDLE },
	{ SERVER_HELD, SERVER_IDLE },	     { SERVER_HELD, SERVER_CHORES },
};

static bool is_legal(int from, int to)
{
	if (to == SERVER_CLOSED)
		return from != SERVER_CLOSED;
	for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++)
		if ((int)moves[i].from == from && (int)moves[i].to == to)
			return true;
	return false;
}

START_TEST(test_only_the_moves_of_the_table_are_legal)
{
	for (int from = 0; from < SERVER_STATES; from++)
		for (int to = 0; to < SERVER_STATES; to++)
			ck_assert_msg(
				server_may_become((enum server_state)from, (enum server_state)to) ==
					is_legal(from, to),
				"%s -> %s", server_state_name((enum server_state)from),
				server_state_name((enum server_state)to));
}
END_TEST

START_TEST(test_setter_moves_the_server_to_the_list_of_its_state)
{
	struct pool_host at = { 0 };
	struct server server = { .at = &at, .state = SERVER_CONNECTING };

	for (int state = 0; state < SERVER_STATES; state++)
		list_init(&at.servers[state]);
	list_append(&at.servers[SERVER_CONNECTING], &server.node);
	server_become(&server, SERVER_LOGIN, "test");
	ck_assert_uint_eq(at.servers[SERVER_CONNECTING].count, 0);
	ck_assert_uint_eq(at.servers[SERVER_LOGIN].count, 1);
	server_become(&server, SERVER_CLOSED, "test");
	ck_assert(!list_has(&server.node));
}
END_TEST

#ifdef PGWEIR_DEBUG
START_TEST(test_setter_refuses_an_illegal_move)
{
	struct pool_host at = { 0 };
	struct server server = { .at = &at, .state = SERVER_CLOSED };

	for (int state = 0; state < SERVER_STATES; state++)
		list_init(&at.servers[state]);
	signal(SIGABRT, SIG_DFL); /* not the sanitizers' report: this one is wanted */
	server_become(&server, SERVER_IDLE, "test");
}
END_TEST
#endif

int main(void)
{
	Suite *suite = suite_create("server");
	TCase *core = tcase_create("core");
	SRunner *runner;
	int failed;

	tcase_add_test(core, test_only_the_moves_of_the_table_are_legal);
	tcase_add_test(core, test_setter_moves_the_server_to_the_list_of_its_state);
#ifdef PGWEIR_DEBUG
	tcase_add_test_raise_signal(core, test_setter_refuses_an_illegal_move, SIGABRT);
#endif
	suite_add_tcase(suite, core);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
