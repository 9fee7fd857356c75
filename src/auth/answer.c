/* SPDX-License-Identifier: ISC */
/* Answers a server that wants to know who we are. */
#include "auth/answer.h"

#include <string.h>

#include "auth/md5.h"
#include "base/mem.h"
#include "proto/compose.h"

static enum auth_step fail(struct answer *answer, const char *reason)
{
	answer->reason = reason;
	return AUTH_FAILED;
}

static enum auth_step fail_kind(struct answer *answer)
{
	if (answer->kind == SECRET_NONE)
		return fail(answer, "no password for the server");
	return fail(answer, "wrong password type");
}

void answer_begin(struct answer *answer, const char *user, const char *secret,
		  struct scram_keys *keys)
{
	answer->user = user;
	answer->secret = secret;
	answer->kind = secret_kind(secret);
	answer->keys = keys;
}

static enum auth_step answer_cleartext(struct answer *answer, struct writer *writer)
{
	if (answer->kind != SECRET_PLAIN)
		return fail_kind(answer);
	return compose_password(writer, answer->secret) ? AUTH_MORE
							: fail(answer, "password too long");
}

static enum auth_step answer_md5(struct answer *answer, struct reader *reader,
				 struct writer *writer)
{
	const uint8_t *salt = reader_bytes(reader, MD5_SALT_LEN);
	char secret[MD5_SECRET_SIZE];
	char reply[MD5_SECRET_SIZE];
	bool ok = true;

	if (!reader_is_done(reader))
		return fail(answer, "malformed Authentication message");
	if (answer->kind == SECRET_PLAIN)
		ok = md5_secret(answer->secret, answer->user, secret);
	else if (answer->kind == SECRET_MD5)
		memcpy(secret, answer->secret, sizeof(secret));
	else
		return fail_kind(answer);
	ok = ok && md5_answer(secret, salt, reply) && compose_password(writer, reply);
	mem_wipe(secret, sizeof(secret));
	return ok ? AUTH_MORE : fail(answer, "MD5 hashing failed");
}

/* Whether the list of mechanisms, which ends with an empty name, has ours. */
static bool offers_scram(struct reader *reader)
{
	const char *mechanism;
	bool found = false;

	while ((mechanism = reader_cstring(reader))[0] != '\0')
		found = found || strcmp(mechanism, SCRAM_MECHANISM) == 0;
	return found && reader_is_done(reader);
}

static enum auth_step start_scram(struct answer *answer, struct reader *reader,
				  struct writer *writer)
{
	const char *password = answer->kind == SECRET_PLAIN ? answer->secret : NULL;
	struct text first = { 0 };
	bool ok;

	if (!offers_scram(reader))
		return fail(answer, "none of the server's SASL "
				    "authentication mechanisms are supported");
	if (password == NULL && (answer->keys == NULL || answer->keys->salt_len == 0))
		return fail_kind(answer);
	answer->scram_started = true;
	ok = scram_client_start(&answer->scram, password, answer->keys, &first) &&
	     compose_sasl_initial_response(writer, SCRAM_MECHANISM, text_string(&first), first.len);
	text_done(&first);
	return ok ? AUTH_MORE : fail(answer, "no random numbers");
}

static enum auth_step go_on_scram(struct answer *answer, struct reader *reader, bool final,
				  struct writer *writer)
{
	struct text reply = { 0 };
	enum scram_step step;
	bool ok;

	if (!answer->scram_started || answer->scram_finished)
		return fail(answer, "unexpected SASL message");
	step = scram_client_input(&answer->scram, reader->p, reader_left(reader), &reply);
	ok = step == (final ? SCRAM_DONE : SCRAM_MORE) &&
	     (final || compose_sasl_response(writer, text_string(&reply), reply.len));
	text_done(&reply);
	if (!ok)
		return fail(answer, answer->scram.why != NULL ? answer->scram.why
							      : "unexpected SASL message");
	answer->scram_finished = final;
	return AUTH_MORE;
}

enum auth_step answer_input(struct answer *answer, const uint8_t *body, size_t len,
			    struct writer *writer)
{
	struct reader reader = reader_over(body, len);
	uint32_t code = reader_u32(&reader);

	if (reader.bad)
		return fail(answer, "malformed Authentication message");
	switch (code) {
	case AUTHENTICATION_OK:
		/* A server that skips its proof may not be the one it claims to be. */
		if (answer->scram_started && !answer->scram_finished)
			return fail(answer, "SCRAM exchange cut short");
		return reader_is_done(&reader) ? AUTH_OK
					       : fail(answer, "malformed Authentication message");
	case AUTHENTICATION_SASL_CONTINUE:
	case AUTHENTICATION_SASL_FINAL:
		return go_on_scram(answer, &reader, code == AUTHENTICATION_SASL_FINAL, writer);
	}
	if (answer->answered)
		return fail(answer, "asked for a password twice");
	answer->answered = true;
	switch (code) {
	case AUTHENTICATION_CLEARTEXT:
		return answer_cleartext(answer, writer);
	case AUTHENTICATION_MD5:
		return answer_md5(answer, &reader, writer);
	case AUTHENTICATION_SASL:
		return start_scram(answer, &reader, writer);
	default:
		return fail(answer, "unsupported authentication method");
	}
}

void answer_done(struct answer *answer)
{
	scram_client_done(&answer->scram);
	mem_wipe(answer, sizeof(*answer));
}
