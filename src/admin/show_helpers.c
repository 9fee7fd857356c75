/* SPDX-License-Identifier: ISC */
/* SHOW HELPERS, SHOW LOGIN_QUEUES: passwords that others judge. */
#include <stdio.h>
#include <unistd.h>

#include "admin/show.h"
#include "session/outside.h"

/* Seconds, to the millisecond. */
static void cell_seconds(struct cell *cell, usec_t usec)
{
	if (usec < 0)
		usec = 0;
	cell_printf(cell, "%lld.%03lld", (long long)(usec / USEC_PER_SEC),
		    (long long)(usec % USEC_PER_SEC / USEC_PER_MSEC));
}

/* ---- HELPERS ---- */

enum {
	IS_PID,
	IS_STATE,
	IS_QUEUE,
	IS_REQUEST_AGE,
	IS_KILLED_IN,
	IS_AGE,
	IS_AGE_LIMIT,
	IS_ANSWERS,
	IS_ANSWERS_LIMIT,
	IS_MEMORY,
	IS_MEMORY_LIMIT,
};

static const char *state_of(const struct helper *helper)
{
	switch ((enum helper_state)helper->state) {
	case HELPER_NONE:
		break;
	case HELPER_IDLE:
		return "idle";
	case HELPER_BUSY:
		return helper->call != NULL ? "busy" : "abandoned";
	case HELPER_ENDING:
		return "ending";
	}
	return NULL;
}

/* What it has in memory, in bytes; nothing if the system does not say. */
static void cell_memory(struct cell *cell, pid_t pid)
{
	char path[64];
	long size, resident;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%ld/statm", (long)pid);
	file = fopen(path, "re");
	if (file == NULL)
		return;
	if (fscanf(file, "%ld %ld", &size, &resident) == 2)
		cell_integer(cell, (int64_t)resident * sysconf(_SC_PAGESIZE));
	fclose(file);
}

static void helper_value(struct cell *cell, const struct show_column *column, const void *row)
{
	const struct helper *helper = row;
	bool busy = helper->state == HELPER_BUSY;

	switch (column->arg) {
	case IS_PID:
		cell_integer(cell, helper->child.pid);
		break;
	case IS_STATE:
		cell_text(cell, state_of(helper));
		break;
	case IS_QUEUE:
		cell_text(cell, busy ? helper->queue->name : NULL);
		break;
	case IS_REQUEST_AGE:
		if (busy)
			cell_seconds(cell, clock_now() - helper->asked_at);
		break;
	case IS_KILLED_IN:
		if (helper->state != HELPER_IDLE)
			cell_seconds(cell, helper->deadline.at - clock_now());
		break;
	case IS_AGE:
		cell_seconds(cell, clock_now() - helper->started_at);
		break;
	case IS_AGE_LIMIT:
		cell_seconds(cell, HELPER_AGE_MAX);
		break;
	case IS_ANSWERS:
		cell_integer(cell, helper->answers);
		break;
	case IS_ANSWERS_LIMIT:
		cell_integer(cell, HELPER_ANSWERS_MAX);
		break;
	case IS_MEMORY:
		cell_memory(cell, helper->child.pid);
		break;
	case IS_MEMORY_LIMIT:
		cell_integer(cell, HELPER_MEMORY_MAX);
	}
}

static void walk_helpers(struct show *show)
{
	const struct helpers *helpers = outside_helpers();

	for (unsigned i = 0; i < HELPERS_MAX; i++)
		if (helpers->helpers[i].state != HELPER_NONE)
			show->row(show, &helpers->helpers[i]);
}

static const struct show_column helper_columns[] = {
	{ "pid", OID_INT4, helper_value, IS_PID },
	{ "state", OID_TEXT, helper_value, IS_STATE },
	{ "queue", OID_TEXT, helper_value, IS_QUEUE },
	{ "request_age", OID_NUMERIC, helper_value, IS_REQUEST_AGE },
	{ "killed_in", OID_NUMERIC, helper_value, IS_KILLED_IN },
	{ "age", OID_NUMERIC, helper_value, IS_AGE },
	{ "age_limit", OID_NUMERIC, helper_value, IS_AGE_LIMIT },
	{ "answers", OID_INT4, helper_value, IS_ANSWERS },
	{ "answers_limit", OID_INT4, helper_value, IS_ANSWERS_LIMIT },
	{ "memory", OID_INT8, helper_value, IS_MEMORY },
	{ "memory_limit", OID_INT8, helper_value, IS_MEMORY_LIMIT },
};
const struct show_table show_helpers = SHOW_TABLE(helper_columns, walk_helpers);

/* ---- LOGIN_QUEUES ---- */

enum {
	QUEUE_NAME,
	QUEUE_WAITING,
	QUEUE_WAITING_LIMIT,
	QUEUE_OLDEST,
	QUEUE_BYTES,
	QUEUE_BYTES_LIMIT,
	QUEUE_HELPERS,
	QUEUE_HELPERS_LIMIT,
	QUEUE_ACCEPTED,
	QUEUE_DENIED,
	QUEUE_FAILED,
	QUEUE_LEFT,
	QUEUE_REFUSED,
	QUEUE_TIME,
};

static usec_t wait_of_oldest(const struct helper_queue *queue)
{
	const struct list_node *node = list_first(&queue->waiting);

	return node != NULL
		       ? clock_now() - list_entry(node, const struct helper_call, node)->asked_at
		       : 0;
}

static int64_t queue_number(const struct helper_queue *queue, unsigned which)
{
	switch (which) {
	case QUEUE_WAITING:
		return queue->waiting.count;
	case QUEUE_WAITING_LIMIT:
		return HELPER_QUEUE_MAX;
	case QUEUE_BYTES:
		return (int64_t)queue->bytes;
	case QUEUE_BYTES_LIMIT:
		return HELPERS_WAITING_BYTES_MAX;
	case QUEUE_HELPERS:
		return queue->busy;
	case QUEUE_HELPERS_LIMIT:
		return HELPERS_OF_ONE_QUEUE;
	case QUEUE_ACCEPTED:
		return (int64_t)queue->outcomes[JUDGE_YES];
	case QUEUE_DENIED:
		return (int64_t)queue->outcomes[JUDGE_NO];
	case QUEUE_FAILED:
		return (int64_t)queue->outcomes[JUDGE_UNAVAILABLE];
	case QUEUE_LEFT:
		return (int64_t)queue->left;
	case QUEUE_REFUSED:
		return (int64_t)queue->refused;
	}
	return (int64_t)queue->usec;
}

static void queue_value(struct cell *cell, const struct show_column *column, const void *row)
{
	const struct helper_queue *queue = row;

	if (column->arg == QUEUE_NAME)
		cell_text(cell, queue->name);
	else if (column->arg == QUEUE_OLDEST)
		cell_seconds(cell, wait_of_oldest(queue));
	else
		cell_integer(cell, queue_number(queue, column->arg));
}

static void walk_queues(struct show *show)
{
	list_for_each(&outside_helpers()->queues, node, after)
		show->row(show, list_entry(node, struct helper_queue, node));
}

static const struct show_column queue_columns[] = {
	{ "queue", OID_TEXT, queue_value, QUEUE_NAME },
	{ "waiting", OID_INT4, queue_value, QUEUE_WAITING },
	{ "waiting_limit", OID_INT4, queue_value, QUEUE_WAITING_LIMIT },
	{ "oldest", OID_NUMERIC, queue_value, QUEUE_OLDEST },
	{ "bytes", OID_INT8, queue_value, QUEUE_BYTES },
	{ "bytes_limit", OID_INT8, queue_value, QUEUE_BYTES_LIMIT },
	{ "helpers", OID_INT4, queue_value, QUEUE_HELPERS },
	{ "helpers_limit", OID_INT4, queue_value, QUEUE_HELPERS_LIMIT },
	{ "accepted", OID_INT8, queue_value, QUEUE_ACCEPTED },
	{ "denied", OID_INT8, queue_value, QUEUE_DENIED },
	{ "failed", OID_INT8, queue_value, QUEUE_FAILED },
	{ "left", OID_INT8, queue_value, QUEUE_LEFT },
	{ "refused", OID_INT8, queue_value, QUEUE_REFUSED },
	{ "total_time", OID_INT8, queue_value, QUEUE_TIME },
};
const struct show_table show_login_queues = SHOW_TABLE(queue_columns, walk_queues);
