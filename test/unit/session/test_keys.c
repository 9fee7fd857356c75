/* SPDX-License-Identifier: ISC */
#include "session/keys.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "proto/cancel_key.h"
#include "session/client.h"

static struct config config;
static struct pooler pooler = { .config = &config };

static struct client *clients;

static void begin(unsigned count, uint8_t key_len)
{
	clients = mem_zero(count * sizeof(struct client));
	for (unsigned i = 0; i < count; i++) {
		clients[i].pooler = &pooler;
		clients[i].cancel_key_len = key_len;
		keys_give(&clients[i]);
	}
}

static void end(unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		keys_take_back(&clients[i]);
	free(clients);
	config.settings.peer_id = 0;
}

static struct cancel_key key_given(const struct client *client)
{
	struct cancel_key key = { .pid = client->cancel_pid, .len = client->cancel_key_len };

	memcpy(key.bytes, key_of(client), key.len);
	return key;
}

START_TEST(test_each_client_is_found_by_its_key)
{
	config.settings.peer_id = _i >= 2 ? 7 : 0;
	begin(1000, _i % 2 == 0 ? CANCEL_KEY_SHORT : CANCEL_KEY_LONG);
	for (unsigned i = 0; i < 1000; i++) {
		struct cancel_key key = key_given(&clients[i]);

		ck_assert_ptr_eq(keys_find(&key), &clients[i]);
		ck_assert_int_gt((int32_t)clients[i].cancel_pid, 0);
	}
	end(1000);
}
END_TEST

START_TEST(test_nobody_is_found_by_a_key_that_is_not_valid_any_more)
{
	struct cancel_key old, other;

	begin(2, CANCEL_KEY_SHORT);
	old = key_given(&clients[0]);
	other = key_given(&clients[1]);
	keys_take_back(&clients[0]);
	ck_assert_ptr_null(keys_find(&old));
	keys_take_back(&clients[0]); /* allowed without one */
	keys_give(&clients[0]);
	ck_assert_ptr_null(keys_find(&old));
	other.bytes[0] ^= 1;
	ck_assert_ptr_null(keys_find(&other));
	end(2);
}
END_TEST

/* Whoever comes when all places but one are taken costs no walk over them. */
START_TEST(test_a_client_that_comes_and_goes_costs_the_same_among_many)
{
	unsigned count = 64;

	while (count < 100000) /* as the table grows: none of its places is free then */
		count += count < 256 ? 64 : count / 4;
	begin(count, CANCEL_KEY_SHORT);
	for (unsigned i = 0; i < 300000; i++) {
		keys_take_back(&clients[i % 3]);
		keys_give(&clients[i % 3]);
	}
	for (unsigned i = 0; i < count; i++) {
		struct cancel_key key = key_given(&clients[i]);

		ck_assert_ptr_eq(keys_find(&key), &clients[i]);
	}
	end(count);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("keys");
	TCase *tcase = tcase_create("keys");
	SRunner *runner;
	int failed;

	tcase_add_loop_test(tcase, test_each_client_is_found_by_its_key, 0, 4);
	tcase_add_test(tcase, test_nobody_is_found_by_a_key_that_is_not_valid_any_more);
	tcase_add_test(tcase, test_a_client_that_comes_and_goes_costs_the_same_among_many);
	tcase_set_timeout(tcase, 20);
	suite_add_tcase(suite, tcase);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
