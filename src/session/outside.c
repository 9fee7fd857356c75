/* SPDX-License-Identifier: ISC */
/* A login whose password is judged outside: by a directory or by PAM. */
#include "session/outside.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "session/client.h"

/* A directory may hang for so long: then its helper is replaced. */
#define PATIENCE (30 * USEC_PER_SEC)

/* How long a helper stays that nobody asks. */
#define REST (5 * 60 * USEC_PER_SEC)

static struct helpers helpers;

void outside_init(struct pooler *pooler)
{
	helpers_init(&helpers, pooler->loop, JUDGE_ARGUMENT, PATIENCE, REST);
}

void outside_done(void)
{
	helpers_done(&helpers);
}

const struct helpers *outside_helpers(void)
{
	return &helpers;
}

_Static_assert(JUDGE_UNAVAILABLE < HELPER_OUTCOMES, "a count for each outcome");

static void on_answered(struct helper_call *call)
{
	struct outside *outside = list_entry(call, struct outside, call);

	outside->asking = false;
	if (call->answer != NULL) {
		judge_read_verdict(call->answer, call->answer_len, &outside->verdict);
	} else {
		outside->verdict.outcome = JUDGE_UNAVAILABLE;
		snprintf(outside->verdict.why, sizeof(outside->verdict.why), "%s", call->why);
	}
	call->queue->outcomes[outside->verdict.outcome]++;
	outside->ended(outside->client);
}

struct outside *outside_new(struct client *client, enum auth_method method, const char *words,
			    void (*ended)(struct client *client))
{
	struct outside *outside = mem_zero(sizeof(*outside));

	outside->call.answered = on_answered;
	outside->client = client;
	outside->method = method;
	outside->words = mem_string(words);
	outside->ended = ended;
	return outside;
}

/* As PAM has it in PAM_RHOST. */
static const char *host_text(const struct client *client, char *buffer, socklen_t size)
{
	if (client->peer.family == AF_UNIX)
		return "";
	return inet_ntop(client->peer.family, client->peer.bytes, buffer, size);
}

bool outside_ask(struct outside *outside, const char *user, const char *password)
{
	char host[INET6_ADDRSTRLEN];
	struct judge_question question = {
		.method = outside->method,
		.user = user,
		.password = password,
		.host = host_text(outside->client, host, sizeof(host)),
		.words = outside->words,
	};
	char queue[HELPER_QUEUE_NAME_MAX + 1];
	size_t len;
	char *data = judge_compose(&question, &len);

	judge_name(&question, queue, sizeof(queue));
	outside->asking = helpers_ask(&helpers, &outside->call, queue, data, len);
	return outside->asking;
}

void outside_free(struct outside *outside)
{
	if (outside == NULL)
		return;
	helper_call_cancel(&outside->call);
	mem_free_secret(outside->words);
	free(outside);
}
