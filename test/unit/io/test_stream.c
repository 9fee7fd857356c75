/* SPDX-License-Identifier: ISC */
#include "io/stream.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/text.h"
#include "io/batch.h"

#define HIGH_WATER 100000u
#define FARS 4

/* The far end of a stream. */
struct far {
	struct text said; /* to be read, from `at` on */
	size_t at;
	struct text heard;
	size_t room; /* bytes that it still takes */
	int error;   /* of sends */
	bool ended;
	int inputs;
	int closes;
	int drains;
	bool consumes; /* the owner skips all that comes */
};

static struct loop loop;
static struct streams streams;
static struct far fars[FARS];
static struct stream s[FARS];
static char pattern[400000];

static ssize_t far_receive(struct stream *stream, void *buffer, size_t size)
{
	struct far *far = &fars[stream->fd];
	size_t n = far->said.len - far->at < size ? far->said.len - far->at : size;

	if (n == 0 && far->ended)
		return 0;
	errno = EAGAIN;
	if (n == 0)
		return -1;
	memcpy(buffer, far->said.data + far->at, n);
	far->at += n;
	return (ssize_t)n;
}

static ssize_t far_send(struct stream *stream, const void *data, size_t size)
{
	struct far *far = &fars[stream->fd];
	size_t n = size < far->room ? size : far->room;

	errno = far->error != 0 ? far->error : EAGAIN;
	if (far->error != 0 || n == 0)
		return -1;
	text_add_n(&far->heard, data, n);
	far->room -= n;
	return (ssize_t)n;
}

static void far_close(struct stream *stream)
{
	(void)stream;
}

static const struct stream_transport transport = {
	.receive = far_receive,
	.send = far_send,
	.close = far_close,
};

static void on_input(struct stream *stream)
{
	fars[stream->fd].inputs++;
	if (fars[stream->fd].consumes)
		stream_skip(stream, stream_available(stream));
}

static void on_closed(struct stream *stream, int error)
{
	(void)error;
	fars[stream->fd].closes++;
	stream_close(stream);
}

static void on_drained(struct stream *stream)
{
	fars[stream->fd].drains++;
}

static const struct stream_owner owner = {
	.on_input = on_input,
	.on_drained = on_drained,
	.on_closed = on_closed,
};

static void setup(void)
{
	memset(&loop, 0, sizeof(loop));
	list_init(&loop.tasks);
	list_init(&loop.burials);
	streams_init(&streams, &loop, HIGH_WATER, false);
	streams.transport = &transport;
	for (int i = 0; i < FARS; i++) {
		memset(&fars[i], 0, sizeof(fars[i]));
		fars[i].room = SIZE_MAX;
		stream_open(&s[i], &streams, &owner, i);
	}
	for (size_t i = 0; i < sizeof(pattern); i++)
		pattern[i] = (char)(i * 2654435761u >> 13);
}

static void teardown(void)
{
	for (int i = 0; i < FARS; i++) {
		stream_close(&s[i]);
		text_done(&fars[i].said);
		text_done(&fars[i].heard);
	}
	streams_done(&streams);
	ck_assert_uint_eq(chunk_stats().used, 0);
	ck_assert(!streams_has_output(&streams));
}

/* The far end of a stream says n bytes of the pattern, from `from` on. */
static void say(int i, size_t from, size_t n)
{
	text_add_n(&fars[i].said, pattern + from, n);
	while (fars[i].at < fars[i].said.len && s[i].paused == 0 && s[i].streams != NULL)
		stream_readable(&s[i]);
}

static void ck_heard(int i, size_t n)
{
	ck_assert_uint_eq(fars[i].heard.len, n);
	ck_assert_int_eq(memcmp(text_string(&fars[i].heard), pattern, n), 0);
}

static void splice_all(int to, int from)
{
	stream_splice(&s[to], &s[from], stream_available(&s[from]));
}

START_TEST(test_output_leaves_at_the_end_of_the_turn)
{
	stream_send(&s[0], pattern, 10);
	stream_send(&s[0], pattern + 10, 20);
	ck_assert_uint_eq(fars[0].heard.len, 0);
	loop_end_turn(&loop);
	ck_heard(0, 30);
	ck_assert_uint_eq(s[0].sent, 30);
	ck_assert_uint_eq(s[0].out_bytes, 0);
	ck_assert_ptr_null(s[0].out_first);
}
END_TEST

/* Whatever the cut: copied, handed over, handed over with a rest. */
START_TEST(test_spliced_bytes_arrive_in_order)
{
	static const uint32_t cuts[] = { 1, 5, 100, 1983, 1984, 1985, 4096, 9000, 16319 };
	size_t said = 0, spliced = 0;

	for (size_t i = 0; said < 300000; i++) {
		uint32_t n = cuts[i % 9];

		say(1, said, 10000);
		said += 10000;
		while (stream_available(&s[1]) >= n) {
			stream_splice(&s[0], &s[1], n);
			spliced += n;
			n = cuts[(i += 4) % 9];
		}
		loop_end_turn(&loop);
		ck_heard(0, spliced);
		ck_assert_uint_le(stream_available(&s[1]), 16320);
	}
	while (fars[1].at < said || stream_available(&s[1]) > 0) {
		say(1, said, 0);
		splice_all(0, 1);
		loop_end_turn(&loop);
	}
	loop_end_turn(&loop);
	ck_heard(0, said);
	ck_assert_ptr_null(s[1].in);
}
END_TEST

START_TEST(test_what_we_send_ourselves_keeps_its_place)
{
	say(1, 0, 12000);
	stream_splice(&s[0], &s[1], 9000);
	stream_send(&s[0], pattern + 9000, 500);
	stream_skip(&s[1], 500);
	splice_all(0, 1);
	loop_end_turn(&loop);
	ck_heard(0, 12000);
}
END_TEST

START_TEST(test_short_sends_go_on_where_they_stopped)
{
	stream_send(&s[0], pattern, 200000);
	fars[0].room = 70001;
	loop_end_turn(&loop);
	ck_assert(s[0].write_blocked);
	ck_heard(0, 70001);
	loop_end_turn(&loop);
	ck_heard(0, 70001);
	fars[0].room = 1;
	stream_writable(&s[0]);
	loop_end_turn(&loop);
	ck_heard(0, 70002);
	fars[0].room = SIZE_MAX;
	stream_writable(&s[0]);
	loop_end_turn(&loop);
	ck_heard(0, 200000);
	ck_assert(!s[0].write_blocked);
}
END_TEST

START_TEST(test_full_destination_pauses_its_source_until_half_is_gone)
{
	fars[0].room = 0;
	for (int i = 0; s[1].paused == 0; i++) {
		say(1, (size_t)i * 16000, 16000);
		splice_all(0, 1);
		loop_end_turn(&loop);
	}
	ck_assert_int_eq(s[1].paused, STREAM_FULL);
	ck_assert_uint_gt(s[0].out_bytes, HIGH_WATER);
	ck_assert_uint_lt(s[0].out_bytes, HIGH_WATER + 16001);
	ck_assert_uint_eq(streams.pauses, 1);
	fars[0].room = s[0].out_bytes - HIGH_WATER / 2 - 1;
	stream_writable(&s[0]);
	loop_end_turn(&loop);
	ck_assert_int_eq(s[1].paused, STREAM_FULL);
	fars[0].room = 1;
	stream_writable(&s[0]);
	loop_end_turn(&loop);
	ck_assert_int_eq(s[1].paused, 0);
	ck_assert_ptr_null(s[0].source);
	ck_assert_ptr_null(s[1].destination);
	ck_assert_int_eq(fars[0].drains, 0);
}
END_TEST

static void fill(int to, int from)
{
	fars[to].room = 0;
	while (s[from].paused == 0) {
		say(from, 0, 16000);
		splice_all(to, from);
	}
	loop_end_turn(&loop);
}

START_TEST(test_parting_pauses_the_one_who_does_not_read)
{
	fill(0, 1);
	stream_part(&s[1]);
	ck_assert_int_eq(s[1].paused, 0);
	ck_assert(stream_is_full(&s[0]));
	ck_assert_int_eq(s[0].paused, STREAM_FULL);
	stream_part(&s[1]);
	ck_assert(stream_is_full(&s[0]));
	fars[0].room = SIZE_MAX;
	stream_writable(&s[0]);
	loop_end_turn(&loop);
	ck_assert(!stream_is_full(&s[0]));
	ck_assert_int_eq(s[0].paused, 0);
	ck_assert_int_eq(fars[0].drains, 1);
}
END_TEST

START_TEST(test_closing_either_end_of_a_pause_frees_the_other)
{
	fill(0, 1);
	stream_close(&s[0]);
	ck_assert_int_eq(s[1].paused, 0);
	fill(2, 3);
	stream_close(&s[3]);
	ck_assert_ptr_null(s[2].source);
	fars[2].room = SIZE_MAX;
	stream_writable(&s[2]);
	loop_end_turn(&loop);
	ck_assert_int_eq(s[2].paused, 0);
}
END_TEST

START_TEST(test_closing_a_full_stream_tells_nobody)
{
	fill(0, 1);
	stream_part(&s[1]);
	stream_close(&s[0]);
	ck_assert_int_eq(fars[0].drains, 0);
	ck_assert_int_eq(s[1].paused, 0);
}
END_TEST

START_TEST(test_broken_output_frees_its_source_and_is_dropped)
{
	fill(0, 1);
	fars[0].error = EPIPE;
	stream_writable(&s[0]);
	loop_end_turn(&loop);
	ck_assert(s[0].write_broken);
	ck_assert_int_eq(s[1].paused, 0);
	ck_assert_uint_eq(s[0].out_bytes, 0);
	ck_assert_int_eq(fars[0].closes, 0); /* its last words may still stand */
	stream_send(&s[0], pattern, 100);
	say(1, 0, 5000);
	splice_all(0, 1);
	ck_assert_uint_eq(s[0].out_bytes, 0);
	ck_assert_uint_eq(stream_available(&s[1]), 0);
	loop_end_turn(&loop);
	fars[0].ended = true;
	stream_readable(&s[0]);
	ck_assert_int_eq(fars[0].closes, 1);
}
END_TEST

START_TEST(test_input_that_is_not_consumed_stops_the_reading)
{
	say(0, 0, 200000);
	ck_assert_int_eq(s[0].paused, STREAM_NO_ROOM);
	ck_assert_uint_le(stream_available(&s[0]), CHUNK_LARGE);
	ck_assert_int_eq(memcmp(stream_data(&s[0]), pattern, stream_available(&s[0])), 0);
	stream_skip(&s[0], 1);
	ck_assert_int_eq(s[0].paused, 0);
}
END_TEST

/* 400000 bytes: the first read takes a small chunk, the others large ones. */
static int reads_of_a_turn(unsigned reads_a_turn)
{
	streams.reads_a_turn = reads_a_turn;
	fars[0].consumes = true;
	fars[0].inputs = 0;
	text_add_n(&fars[0].said, pattern, sizeof(pattern));
	stream_readable(&s[0]);
	return fars[0].inputs;
}

START_TEST(test_held_stream_is_not_read_but_sent)
{
	text_add(&fars[0].said, "question");
	stream_hold(&s[0]);
	stream_readable(&s[0]);
	ck_assert_int_eq(fars[0].inputs, 0);
	stream_send(&s[0], "answer", 6);
	streams_flush(&streams);
	ck_assert_uint_eq(fars[0].heard.len, 6);
	stream_unhold(&s[0]);
	stream_readable(&s[0]);
	ck_assert_int_eq(fars[0].inputs, 1);
	ck_assert_uint_eq(stream_available(&s[0]), 8);
}
END_TEST

START_TEST(test_stream_that_fills_its_room_is_read_so_often_a_turn)
{
	ck_assert_int_eq(reads_of_a_turn(1), 1);
	ck_assert_uint_eq(fars[0].at, chunk_small);
	ck_assert_int_eq(reads_of_a_turn(3), 3);
	ck_assert_uint_eq(fars[0].at, chunk_small + 3 * CHUNK_LARGE);
	ck_assert_int_ge(reads_of_a_turn(0), 7);
	ck_assert_uint_eq(fars[0].at, 3 * sizeof(pattern));
	/* What fits is read once: no second read to see that there is no more. */
	fars[0].inputs = 0;
	say(0, 0, 1000);
	ck_assert_int_eq(fars[0].inputs, 1);
}
END_TEST

START_TEST(test_wanted_bytes_come_in_one_piece)
{
	say(0, 0, 50000);
	ck_assert_int_eq(s[0].paused, STREAM_NO_ROOM);
	stream_skip(&s[0], 7);
	stream_want(&s[0], 150000);
	say(0, 50000, 150000);
	ck_assert_uint_ge(stream_available(&s[0]), 150000);
	ck_assert_int_eq(memcmp(stream_data(&s[0]), pattern + 7, 150000), 0);
}
END_TEST

START_TEST(test_small_rest_takes_little_room)
{
	say(0, 0, 100);
	ck_assert_uint_le(s[0].in->cap, CHUNK_TINY);
	say(0, 100, 10000);
	ck_assert_uint_eq(stream_available(&s[0]), 10100);
	ck_assert_int_eq(memcmp(stream_data(&s[0]), pattern, 10100), 0);
}
END_TEST

START_TEST(test_unread_bytes_come_first)
{
	say(0, 30, 50);
	stream_unread(&s[0], pattern, 30);
	ck_assert_uint_eq(stream_available(&s[0]), 80);
	ck_assert_int_eq(memcmp(stream_data(&s[0]), pattern, 80), 0);
	say(0, 80, 20000);
	ck_assert_int_eq(memcmp(stream_data(&s[0]), pattern, 16000), 0);
	stream_skip(&s[0], stream_available(&s[0]));
	stream_unread(&s[0], pattern, 5);
	ck_assert_uint_eq(stream_available(&s[0]), 5);
}
END_TEST

START_TEST(test_farewell_is_sent_as_far_as_it_goes)
{
	stream_send(&s[0], pattern, 100000);
	stream_finish(&s[0]);
	ck_assert(!stream_is_open(&s[0]));
	ck_heard(0, 100000);
	fars[1].room = 10;
	stream_send(&s[1], pattern, 100000);
	stream_finish(&s[1]);
	ck_assert(!stream_is_open(&s[1]));
	ck_heard(1, 10);
	stream_finish(&s[1]);
	stream_send(&s[1], pattern, 10);
	loop_end_turn(&loop);
}
END_TEST

/* Closed streams leave the queue of those to be flushed, wherever they stand in it. */
START_TEST(test_closed_streams_are_not_flushed)
{
	for (int i = 0; i < FARS; i++)
		stream_send(&s[i], pattern, 10);
	stream_close(&s[3]);
	stream_close(&s[0]);
	stream_send(&s[1], pattern + 10, 10);
	loop_end_turn(&loop);
	ck_heard(1, 20);
	ck_heard(2, 10);
	ck_assert_uint_eq(fars[0].heard.len, 0);
	stream_send(&s[2], pattern + 10, 5);
	loop_end_turn(&loop);
	ck_heard(2, 15);
}
END_TEST

/* With sockets, batched: more streams than a batch takes, more pieces than a send takes. */
START_TEST(test_batched_output_arrives_whole)
{
	static struct stream many[BATCH_SENDS + 20];
	static int ends[BATCH_SENDS + 20][2];
	static char buffer[400000];
	const size_t count = BATCH_SENDS + 20;
	struct streams batched;
	struct loop real;
	int size = 1 << 20;

	loop_init(&real);
	streams_init(&batched, &real, HIGH_WATER, true);
	for (size_t i = 0; i < count; i++) {
		ck_assert_int_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, ends[i]), 0);
		setsockopt(ends[i][0], SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
		stream_open(&many[i], &batched, &owner, ends[i][0]);
		stream_send(&many[i], pattern, 100);
	}
	for (size_t at = 100; at < 300000; at += 3000)
		stream_send(&many[7], pattern + at, 3000);
	for (int turn = 0; turn < 1000 && many[7].out_bytes > 0; turn++) {
		ssize_t n;
		static size_t got;

		loop_end_turn(&real);
		n = recv(ends[7][1], buffer + got, sizeof(buffer) - got, 0);
		got += n > 0 ? (size_t)n : 0;
		stream_writable(&many[7]);
		if (many[7].out_bytes == 0) {
			while ((n = recv(ends[7][1], buffer + got, sizeof(buffer) - got, 0)) > 0)
				got += (size_t)n;
			ck_assert_uint_eq(got, 300100);
			ck_assert_int_eq(memcmp(buffer, pattern, got), 0);
		}
	}
	for (size_t i = 0; i < count; i++) {
		if (i != 7)
			ck_assert_int_eq(recv(ends[i][1], buffer, sizeof(buffer), 0), 100);
		stream_close(&many[i]);
		close(ends[i][1]);
	}
	streams_done(&batched);
	loop_done(&real);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("stream");
	TCase *core = tcase_create("core");
	SRunner *runner;
	int failed;

	tcase_add_checked_fixture(core, setup, teardown);
	tcase_add_test(core, test_output_leaves_at_the_end_of_the_turn);
	tcase_add_test(core, test_spliced_bytes_arrive_in_order);
	tcase_add_test(core, test_what_we_send_ourselves_keeps_its_place);
	tcase_add_test(core, test_short_sends_go_on_where_they_stopped);
	tcase_add_test(core, test_full_destination_pauses_its_source_until_half_is_gone);
	tcase_add_test(core, test_parting_pauses_the_one_who_does_not_read);
	tcase_add_test(core, test_closing_either_end_of_a_pause_frees_the_other);
	tcase_add_test(core, test_closing_a_full_stream_tells_nobody);
	tcase_add_test(core, test_broken_output_frees_its_source_and_is_dropped);
	tcase_add_test(core, test_input_that_is_not_consumed_stops_the_reading);
	tcase_add_test(core, test_wanted_bytes_come_in_one_piece);
	tcase_add_test(core, test_small_rest_takes_little_room);
	tcase_add_test(core, test_unread_bytes_come_first);
	tcase_add_test(core, test_held_stream_is_not_read_but_sent);
	tcase_add_test(core, test_stream_that_fills_its_room_is_read_so_often_a_turn);
	tcase_add_test(core, test_farewell_is_sent_as_far_as_it_goes);
	tcase_add_test(core, test_closed_streams_are_not_flushed);
	tcase_add_test(core, test_batched_output_arrives_whole);
	suite_add_tcase(suite, core);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
