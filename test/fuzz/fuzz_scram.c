/* SPDX-License-Identifier: ISC */
/*
 * The messages of a login.  The first byte says whose: a client's to us, a server's to us, a stored
 * secret, an auth_file.
 */
#include <stdlib.h>
#include <string.h>

#include "auth/answer.h"
#include "auth/verify.h"
#include "proto/compose.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What is between two messages: no byte of their texts and of small numbers. */
#define MESSAGE_END 0xff

/* One iteration keeps the hashing from eating the time. */
#define SECRET                                                                                     \
	"SCRAM-SHA-256$1:W22ZaJ0SNY7soEsUEjb6gQ==$"                                                \
	"WG5d8oPm3OtcPnkdi4Uo7BkeZkBFzpcXkuLmtbsT4qY=:wfPLwcE6nTWhTAmQ7tl2KeoiWGPlZqQxSrmfPwDl2dU="

static void check(bool holds)
{
	if (!holds)
		abort();
}

/* A copy of the next message, of its exact size; NULL at the end. */
static uint8_t *take_message(const uint8_t **data, size_t *size, size_t *len)
{
	const uint8_t *end;
	uint8_t *copy;

	if (*size == 0)
		return NULL;
	end = memchr(*data, MESSAGE_END, *size);
	*len = end != NULL ? (size_t)(end - *data) : *size;
	copy = malloc(*len != 0 ? *len : 1);
	memcpy(copy, *data, *len);
	*data += *len + (end != NULL);
	*size -= *len + (end != NULL);
	return copy;
}

/* Nobody gets in without the password: no input can make a right proof. */
static void try_server(const uint8_t *data, size_t size)
{
	struct scram_server server = { 0 };
	struct scram_secret secret;
	struct text out = { 0 };
	uint8_t *message;
	size_t len;

	check(scram_secret_read(SECRET, &secret));
	/* A nonce that the seeds can know. */
	strcpy(server.server_nonce, "nonce");
	check(scram_server_start(&server, &secret, false));
	while ((message = take_message(&data, &size, &len)) != NULL) {
		text_clear(&out);
		check(scram_server_input(&server, message, len, &out) != SCRAM_DONE);
		free(message);
	}
	text_done(&out);
	scram_server_done(&server);
}

static void try_client(const uint8_t *data, size_t size)
{
	struct scram_keys keys = { .iterations = 1, .salt_len = 4, .salt = "salt" };
	struct scram_client client = { 0 };
	struct text out = { 0 };
	uint8_t *message;
	size_t len;

	strcpy(client.client_nonce, "nonce");
	check(scram_client_start(&client, NULL, &keys, &out));
	while ((message = take_message(&data, &size, &len)) != NULL) {
		text_clear(&out);
		check(scram_client_input(&client, message, len, &out) != SCRAM_DONE);
		free(message);
	}
	text_done(&out);
	scram_client_done(&client);
}

static void try_verify(enum auth_method method, const uint8_t *data, size_t size)
{
	struct verify verify = { 0 };
	uint8_t bytes[2048];
	struct writer writer;
	enum auth_step step;
	uint8_t *message;
	size_t len;

	writer_init(&writer, bytes, sizeof(bytes));
	step = verify_begin(&verify, method, "alice", SECRET, NULL, &writer);
	while (step == AUTH_MORE && (message = take_message(&data, &size, &len)) != NULL) {
		step = verify_input(&verify, message, len, &writer);
		check(step != AUTH_OK && (step == AUTH_MORE || verify.sqlstate != NULL));
		check(!writer.full);
		free(message);
	}
	verify_done(&verify);
}

static void try_answer(const uint8_t *data, size_t size)
{
	struct scram_keys keys = { .iterations = 1, .salt_len = 4, .salt = "salt" };
	struct answer answer = { 0 };
	uint8_t bytes[4096];
	struct writer writer;
	enum auth_step step = AUTH_MORE;
	uint8_t *message;
	size_t len;

	writer_init(&writer, bytes, sizeof(bytes));
	answer_begin(&answer, "alice", "md5900150983cd24fb0d6963f7d28e17f72", &keys);
	while (step == AUTH_MORE && (message = take_message(&data, &size, &len)) != NULL) {
		step = answer_input(&answer, message, len, &writer);
		check(step != AUTH_FAILED || answer.reason != NULL);
		free(message);
	}
	answer_done(&answer);
}

static void try_secret(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct scram_secret secret;
	struct scram_secret again;
	struct text out = { 0 };

	memcpy(text, data, size);
	text[size] = '\0';
	if (scram_secret_read(text, &secret)) {
		scram_secret_write(&secret, &out);
		check(scram_secret_read(out.data, &again));
		check(memcmp(&secret, &again, sizeof(secret)) == 0);
		text_done(&out);
	}
	free(scram_prepare_password(text));
	free(text);
}

static void try_file(const uint8_t *data, size_t size)
{
	struct secrets secrets = { 0 };
	struct secret *secret;
	char error[128] = "";
	size_t at = 0;

	if (!secrets_read(&secrets, (const char *)data, size, "file", error, sizeof(error)))
		check(error[0] != '\0' && secrets.by_user.count == 0);
	while ((secret = secrets_walk(&secrets, &at)) != NULL)
		check(secrets_find(&secrets, secret->user) == secret &&
		      strlen(secret->user) <= SECRET_USER_MAX);
	secrets_done(&secrets);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size == 0)
		return 0;
	data++;
	size--;
	switch (data[-1]) {
	case 's':
		try_server(data, size);
		break;
	case 'c':
		try_client(data, size);
		break;
	case 'v':
		try_verify(METHOD_SCRAM, data, size);
		break;
	case 'p':
		try_verify(METHOD_PLAIN, data, size);
		break;
	case 'a':
		try_answer(data, size);
		break;
	case 'k':
		try_secret(data, size);
		break;
	case 'f':
		try_file(data, size);
		break;
	}
	return 0;
}
