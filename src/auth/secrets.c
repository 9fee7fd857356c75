/* SPDX-License-Identifier: ISC */
/* The users and secrets of an auth_file. */
#include "auth/secrets.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/file.h"
#include "auth/md5.h"
#include "auth/scram.h"
#include "base/mem.h"

enum secret_kind secret_kind(const char *text)
{
	if (text == NULL || text[0] == '\0')
		return SECRET_NONE;
	if (md5_is_secret(text))
		return SECRET_MD5;
	return scram_is_secret(text) ? SECRET_SCRAM : SECRET_PLAIN;
}

static void forget_derived(struct secret *secret)
{
	if (secret->derived != NULL)
		mem_wipe(secret->derived, sizeof(*secret->derived));
	free(secret->derived);
	secret->derived = NULL;
}

static bool is_of_user(const void *value, const void *user)
{
	const struct secret *secret = value;

	return strcmp(secret->user, user) == 0;
}

struct secret *secrets_find(const struct secrets *secrets, const char *user)
{
	return map_find_match(&secrets->by_user, map_hash(user, strlen(user)), is_of_user, user);
}

/* Takes over `text`. */
static void put(struct secrets *secrets, const char *user, char *text)
{
	struct secret *secret = secrets_find(secrets, user);

	if (secret == NULL) {
		secret = mem_zero(sizeof(*secret));
		secret->user = mem_string(user);
		map_add(&secrets->by_user, map_hash(user, strlen(user)), secret);
	}
	mem_free_secret(secret->text);
	forget_derived(secret);
	secret->text = text;
	secret->kind = secret_kind(text);
}

bool secrets_set(struct secrets *secrets, const char *user, const char *text)
{
	if (strlen(user) > SECRET_USER_MAX || strlen(text) > SECRET_TEXT_MAX)
		return false;
	put(secrets, user, mem_string(text));
	return true;
}

struct scram_secret *secret_derived(struct secret *secret)
{
	if (secret->derived == NULL)
		secret->derived = mem_zero(sizeof(*secret->derived));
	return secret->derived;
}

struct secret *secrets_walk(const struct secrets *secrets, size_t *at)
{
	return map_walk(&secrets->by_user, at);
}

void secrets_done(struct secrets *secrets)
{
	struct secret *secret;
	size_t at = 0;

	while ((secret = map_walk(&secrets->by_user, &at)) != NULL) {
		mem_free_secret(secret->text);
		forget_derived(secret);
		free(secret->user);
		free(secret);
	}
	map_done(&secrets->by_user);
}

struct source {
	const char *p;
	const char *end;
	unsigned line;
};

/*
 * Copies a quoted string, whose opening quote is the next character, into a new one; NULL and a
 * reason if it has no end, a NUL within, or more than `max` bytes.
 */
static char *read_quoted(struct source *in, size_t max, const char **why)
{
	const char *start = ++in->p;
	const char *p = start;
	size_t len = 0;
	char *copy;

	while (p < in->end && *p != '\0' && (*p != '"' || (in->end - p > 1 && p[1] == '"'))) {
		p += *p == '"' ? 2 : 1;
		len++;
	}
	*why = p < in->end && *p == '\0' ? "a NUL byte" : "a quote is missing";
	if (p >= in->end || *p == '\0')
		return NULL;
	*why = max == SECRET_USER_MAX ? "the user name is too long" : "the secret is too long";
	if (len > max)
		return NULL;
	copy = mem_alloc(len + 1);
	for (len = 0; in->p < p; in->p++) {
		in->line += *in->p == '\n';
		copy[len++] = *in->p;
		in->p += *in->p == '"';
	}
	copy[len] = '\0';
	in->p = p + 1;
	return copy;
}

static void skip_to_line_end(struct source *in)
{
	while (in->p < in->end && *in->p != '\n')
		in->p++;
}

/* Moves on to a quote on the same line. */
static bool find_quote(struct source *in)
{
	while (in->p < in->end && *in->p != '"' && *in->p != '\n')
		in->p++;
	return in->p < in->end && *in->p == '"';
}

/* One line that begins with a quote; a reason if it is malformed. */
static const char *read_user(struct secrets *secrets, struct source *in)
{
	const char *why = "the secret is missing";
	char *user;
	char *text;

	user = read_quoted(in, SECRET_USER_MAX, &why);
	if (user == NULL)
		return why;
	why = "the secret is missing";
	text = find_quote(in) ? read_quoted(in, SECRET_TEXT_MAX, &why) : NULL;
	if (text != NULL)
		put(secrets, user, text);
	free(user);
	return text != NULL ? NULL : why;
}

bool secrets_read(struct secrets *secrets, const char *data, size_t len, const char *file,
		  char *error, size_t size)
{
	struct source in = { data, data + len, 1 };
	const char *why = NULL;
	unsigned line = 1;

	while (why == NULL && in.p < in.end) {
		line = in.line;
		if (*in.p == '\n')
			in.line++;
		if (*in.p == ' ' || (*in.p >= '\t' && *in.p <= '\r')) {
			in.p++;
			continue;
		}
		if (*in.p == '"')
			why = read_user(secrets, &in);
		else if (*in.p != ';')
			why = "expected \"user\" \"secret\"";
		skip_to_line_end(&in);
	}
	if (why == NULL)
		return true;
	snprintf(error, size, "%s:%u: %s", file, line, why);
	secrets_done(secrets);
	return false;
}

bool secrets_load(struct secrets *secrets, const char *file, char *error, size_t size)
{
	size_t len;
	char *data = file_read(file, &len, error, size);
	bool ok;

	if (data == NULL)
		return false;
	ok = secrets_read(secrets, data, len, file, error, size);
	file_free(data, len);
	return ok;
}
