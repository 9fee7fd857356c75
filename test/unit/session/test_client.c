/* SPDX-License-Identifier: ISC */
#include "session/client.h"

#include <check.h>
#include <stdlib.h>

/* doc/design.md, "Owners and states". */
static const struct move {
	enum client_state from;
	enum client_state to;
} moves[] = {
	{ CLIENT_STARTUP, CLIENT_AUTH },   { CLIENT_STARTUP, CLIENT_CANCEL },
	{ CLIENT_AUTH, CLIENT_WELCOME },   { CLIENT_AUTH, CLIENT_CONSOLE },
	{ CLIENT_WELCOME, CLIENT_IDLE },   { CLIENT_IDLE, CLIENT_ACTIVE },
	{ CLIENT_IDLE, CLIENT_WAITING },   { CLIENT_WAITING, CLIENT_ACTIVE },
	{ CLIENT_WAITING, CLIENT_IDLE },   { CLIENT_ACTIVE, CLIENT_IDLE },
	{ CLIENT_ACTIVE, CLIENT_WAITING }, { CLIENT_WELCOME, CLIENT_REPLICATION },
};

static bool is_legal(int from, int to)
{
	if (to == CLIENT_CLOSED)
		return from != CLIENT_CLOSED;
	for (size_t i = 0; i < sizeof(moves) / sizeof(moves[0]); i++)
		if ((int)moves[i].from == from && (int)moves[i].to == to)
			return true;
	return false;
}

START_TEST(test_only_the_moves_of_the_table_are_legal)
{
	for (int from = 0; from < CLIENT_STATES; from++)
		for (int to = 0; to < CLIENT_STATES; to++)
			ck_assert_msg(
				client_may_become((enum client_state)from, (enum client_state)to) ==
					is_legal(from, to),
				"%s -> %s", client_state_name((enum client_state)from),
				client_state_name((enum client_state)to));
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("client");
	TCase *core = tcase_create("core");
	SRunner *runner;
	int failed;

	tcase_add_test(core, test_only_the_moves_of_the_table_are_legal);
	suite_add_tcase(suite, core);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
