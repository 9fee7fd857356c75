/* SPDX-License-Identifier: ISC */
/* Makes a client prove who it is. */
#include "auth/verify.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/rand.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/md5.h"
#include "base/mem.h"
#include "proto/compose.h"
#include "proto/error.h"

static enum auth_step fail(struct verify *verify, const char *sqlstate, const char *message,
			   const char *detail)
{
	verify->sqlstate = sqlstate;
	verify->detail = detail;
	snprintf(verify->message, sizeof(verify->message), "%s", message);
	return AUTH_FAILED;
}

/* The same words whatever was wrong, so that nobody learns which users there are. */
static enum auth_step fail_password(struct verify *verify, const char *detail)
{
	verify->sqlstate = SQLSTATE_INVALID_PASSWORD;
	verify->detail = verify->secret == NULL ? "no such user" : detail;
	snprintf(verify->message, sizeof(verify->message),
		 "%spassword authentication failed for user \"%s\"",
		 verify->says_sasl ? "SASL authentication failed: " : "", verify->user);
	return AUTH_FAILED;
}

static enum auth_step fail_internally(struct verify *verify)
{
	return fail(verify, SQLSTATE_INTERNAL_ERROR, "authentication failed",
		    "no randomness, no hash, or no room for the message");
}

/* The secret to verify against, and whether it is one that the client can satisfy. */
static bool find_scram_secret(struct verify *verify, struct scram_secret *derived,
			      struct scram_secret *secret, bool *mock)
{
	struct scram_secret salt;

	if (verify->kind == SECRET_SCRAM && scram_secret_read(verify->secret, secret)) {
		verify->keeps_keys = true;
		return true;
	}
	if (verify->kind != SECRET_PLAIN) {
		*mock = true;
		return scram_secret_mock(verify->user, secret);
	}
	if (!scram_secret_mock(verify->user, &salt))
		return false;
	if (derived != NULL && derived->iterations == salt.iterations) {
		*secret = *derived;
		return true;
	}
	if (!scram_secret_make(verify->secret, salt.salt, salt.salt_len, salt.iterations, secret))
		return false;
	if (derived != NULL)
		*derived = *secret;
	return true;
}

static enum auth_step begin_scram(struct verify *verify, struct scram_secret *derived,
				  struct writer *writer)
{
	static const char *const mechanisms[] = { SCRAM_MECHANISM, NULL };
	struct scram_secret secret = { 0 };
	bool mock = false;
	bool ok;

	ok = find_scram_secret(verify, derived, &secret, &mock) &&
	     scram_server_start(&verify->scram, &secret, mock);
	mem_wipe(&secret, sizeof(secret));
	if (!ok || !compose_authentication_sasl(writer, mechanisms))
		return fail_internally(verify);
	return AUTH_MORE;
}

static enum auth_step begin_md5(struct verify *verify, struct writer *writer)
{
	if (RAND_bytes(verify->salt, sizeof(verify->salt)) != 1 ||
	    !compose_authentication_md5(writer, verify->salt))
		return fail_internally(verify);
	return AUTH_MORE;
}

enum auth_step verify_begin(struct verify *verify, enum auth_method method, const char *user,
			    const char *secret, struct scram_secret *derived, struct writer *writer)
{
	verify->user = mem_string(user);
	verify->secret = secret != NULL ? mem_string(secret) : NULL;
	verify->kind = secret_kind(secret);
	verify->ask = method_ask(method, verify->kind);
	switch (verify->ask) {
	case ASK_NOTHING:
		if (method == METHOD_TRUST && secret == NULL)
			return fail(verify, SQLSTATE_INVALID_AUTHORIZATION,
				    "\"trust\" authentication failed", "no such user");
		return AUTH_OK;
	case ASK_PLAIN:
	case ASK_ELSEWHERE:
		return compose_authentication_cleartext(writer) ? AUTH_MORE
								: fail_internally(verify);
	case ASK_MD5:
		return begin_md5(verify, writer);
	case ASK_SCRAM:
		return begin_scram(verify, derived, writer);
	case ASK_CERTIFICATE:
	case ASK_PEER:
		return AUTH_OK;
	case ASK_REFUSE:
		break;
	}
	return fail(verify, SQLSTATE_INVALID_AUTHORIZATION,
		    method == METHOD_HBA ? "no authentication method is found" : "login rejected",
		    NULL);
}

/* Compares hashes, so that the time tells nothing, not even a length. */
static bool same_string(const char *a, const char *b)
{
	uint8_t a_hash[32];
	uint8_t b_hash[32];

	return EVP_Digest(a, strlen(a), a_hash, NULL, EVP_sha256(), NULL) == 1 &&
	       EVP_Digest(b, strlen(b), b_hash, NULL, EVP_sha256(), NULL) == 1 &&
	       CRYPTO_memcmp(a_hash, b_hash, sizeof(a_hash)) == 0;
}

static bool password_is_right(const struct verify *verify, const char *password)
{
	struct scram_secret scram;
	char md5[MD5_SECRET_SIZE];
	bool right = false;

	switch (verify->kind) {
	case SECRET_PLAIN:
		return same_string(password, verify->secret);
	case SECRET_MD5:
		right = md5_secret(password, verify->user, md5) && same_string(md5, verify->secret);
		mem_wipe(md5, sizeof(md5));
		return right;
	case SECRET_SCRAM:
		right = scram_secret_read(verify->secret, &scram) &&
			scram_verify_plain(&scram, password);
		mem_wipe(&scram, sizeof(scram));
		return right;
	case SECRET_NONE:
		break;
	}
	return false;
}

static bool md5_is_right(const struct verify *verify, const char *answer)
{
	char secret[MD5_SECRET_SIZE];
	bool right;

	if (verify->kind == SECRET_MD5)
		return md5_verify(verify->secret, verify->salt, answer);
	/* Also hashed for an unknown user, who is refused after the same time. */
	right = md5_secret(verify->secret != NULL ? verify->secret : "", verify->user, secret) &&
		md5_verify(secret, verify->salt, answer);
	mem_wipe(secret, sizeof(secret));
	return right && verify->kind == SECRET_PLAIN;
}

/* A password or an MD5 answer: one string. */
static enum auth_step read_string(struct verify *verify, const uint8_t *body, size_t len)
{
	const char *s = (const char *)body;

	if (len == 0 || memchr(body, 0, len) != body + len - 1)
		return fail(verify, SQLSTATE_PROTOCOL_VIOLATION, "invalid password packet size",
			    NULL);
	if (len == 1)
		return fail(verify, SQLSTATE_INVALID_PASSWORD, "empty password returned by client",
			    NULL);
	if (verify->ask == ASK_MD5)
		return md5_is_right(verify, s) ? AUTH_OK
					       : fail_password(verify, "wrong MD5 answer");
	if (verify->ask == ASK_PLAIN && !password_is_right(verify, s))
		return fail_password(verify, "wrong password");
	verify->password = mem_string(s);
	return verify->ask == ASK_ELSEWHERE ? AUTH_ELSEWHERE : AUTH_OK;
}

/* SASLInitialResponse: the mechanism, then the length of the client's first message, and it. */
static bool read_initial(struct verify *verify, const uint8_t **data, size_t *len)
{
	struct reader reader = reader_over(*data, *len);
	const char *mechanism = reader_cstring(&reader);
	uint32_t data_len = reader_u32(&reader);

	*len = data_len;
	*data = reader_bytes(&reader, data_len);
	if (!reader_is_done(&reader)) {
		fail(verify, SQLSTATE_PROTOCOL_VIOLATION, "SASL authentication failed",
		     "malformed SASLInitialResponse");
		return false;
	}
	if (strcmp(mechanism, SCRAM_MECHANISM) != 0) {
		fail(verify, SQLSTATE_PROTOCOL_VIOLATION,
		     "client selected an invalid SASL authentication mechanism", NULL);
		return false;
	}
	return true;
}

static enum auth_step read_scram(struct verify *verify, const uint8_t *body, size_t len,
				 struct writer *writer)
{
	struct text reply = { 0 };
	enum scram_step step;
	bool fits = true;

	if (!verify->mechanism_chosen && !read_initial(verify, &body, &len))
		return AUTH_FAILED;
	verify->mechanism_chosen = true;
	step = scram_server_input(&verify->scram, body, len, &reply);
	if (step == SCRAM_MORE)
		fits = compose_authentication_sasl_continue(writer, text_string(&reply), reply.len);
	else if (step == SCRAM_DONE)
		fits = compose_authentication_sasl_final(writer, text_string(&reply), reply.len);
	text_done(&reply);
	if (!fits)
		return fail_internally(verify);
	switch (step) {
	case SCRAM_MORE:
		return AUTH_MORE;
	case SCRAM_DONE:
		if (verify->keeps_keys)
			verify->keys = verify->scram.keys;
		return AUTH_OK;
	case SCRAM_REFUSED:
		return fail_password(verify, verify->kind == SECRET_MD5
						     ? "SCRAM is not possible with an MD5 secret"
						     : verify->scram.why);
	case SCRAM_BROKEN:
		break;
	}
	return fail(verify, SQLSTATE_PROTOCOL_VIOLATION, "SASL authentication failed",
		    verify->scram.why);
}

enum auth_step verify_input(struct verify *verify, const uint8_t *body, size_t len,
			    struct writer *writer)
{
	if (len > verify_input_max(verify))
		return fail(verify, SQLSTATE_PROTOCOL_VIOLATION, "invalid password packet size",
			    "too long");
	if (verify->ask == ASK_SCRAM)
		return read_scram(verify, body, len, writer);
	return read_string(verify, body, len);
}

size_t verify_input_max(const struct verify *verify)
{
	/* The mechanism's name, whatever the client takes for one, comes on top of SCRAM's. */
	return verify->ask == ASK_SCRAM ? SCRAM_MESSAGE_MAX + 64 : VERIFY_INPUT_MAX;
}

void verify_done(struct verify *verify)
{
	free(verify->user);
	mem_free_secret(verify->secret);
	mem_free_secret(verify->password);
	scram_server_done(&verify->scram);
	mem_wipe(verify, sizeof(*verify));
}
