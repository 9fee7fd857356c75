/* SPDX-License-Identifier: ISC */
/* Passwords that others judge: questions and verdicts as bytes, and the helper that answers. */
#include "auth/judge.h"

#include <stdio.h>
#include <string.h>

#include "auth/ldap.h"
#include "auth/ldap_options.h"
#include "auth/pam.h"
#include "base/mem.h"
#include "io/helpers.h"

/* Who judges what, and the letter of it in a question. */
static const struct {
	enum auth_method method;
	char letter;
	void (*judge)(const struct judge_question *question, struct judge_verdict *verdict);
} judges[] = {
#ifdef HAVE_LDAP
	{ METHOD_LDAP, 'L', ldap_judge },
#endif
#ifdef HAVE_PAM
	{ METHOD_PAM, 'P', pam_judge },
#endif
	{ METHOD_COUNT, '\0', NULL },
};

bool judge_is_built(enum auth_method method)
{
	for (size_t i = 0; judges[i].judge != NULL; i++)
		if (judges[i].method == method)
			return true;
	return false;
}

void judge_name(const struct judge_question *question, char *name, size_t size)
{
	struct ldap_options options;
	struct text where = { 0 };
	char why[200];

	snprintf(name, size, "%s", method_name(question->method));
	if (question->method != METHOD_LDAP)
		return;
	if (ldap_options_read(&options, question->words, why, sizeof(why)) &&
	    ldap_uris(&options, options.server, &where))
		snprintf(name, size, "%s", text_string(&where));
	else if (options.basedn != NULL)
		snprintf(name, size, "ldap of %s", options.basedn);
	ldap_options_done(&options);
	text_done(&where);
}

/* ---- the question: a letter, then strings ---- */

static void add_string(char **at, const char *s)
{
	size_t len = strlen(s) + 1;

	memcpy(*at, s, len);
	*at += len;
}

char *judge_compose(const struct judge_question *question, size_t *len)
{
	char *data, *at;
	size_t i = 0;

	while (judges[i].judge != NULL && judges[i].method != question->method)
		i++;
	*len = 1 + strlen(question->user) + strlen(question->password) + strlen(question->host) +
	       strlen(question->words) + 4;
	data = at = mem_alloc(*len);
	*at++ = judges[i].letter;
	add_string(&at, question->user);
	add_string(&at, question->password);
	add_string(&at, question->host);
	add_string(&at, question->words);
	return data;
}

static const char *next_string(const char **at, const char *end)
{
	const char *s = *at;

	if (s >= end)
		return NULL;
	*at = s + strlen(s) + 1;
	return s;
}

bool judge_read(const char *data, size_t len, struct judge_question *question)
{
	const char *at = data + 1, *end = data + len;
	size_t i = 0;

	if (len == 0 || data[len - 1] != '\0')
		return false;
	while (judges[i].judge != NULL && judges[i].letter != data[0])
		i++;
	question->method = judges[i].method;
	question->user = next_string(&at, end);
	question->password = next_string(&at, end);
	question->host = next_string(&at, end);
	question->words = next_string(&at, end);
	return judges[i].judge != NULL && question->words != NULL && at == end;
}

/* ---- the verdict: a letter, then why ---- */

static const char outcome_letters[] = {
	[JUDGE_YES] = 'y',
	[JUDGE_NO] = 'n',
	[JUDGE_UNAVAILABLE] = 'u',
};

void judge_read_verdict(const char *data, size_t len, struct judge_verdict *verdict)
{
	const char *letter =
		len != 0 ? memchr(outcome_letters, data[0], sizeof(outcome_letters)) : NULL;

	verdict->outcome = JUDGE_UNAVAILABLE;
	snprintf(verdict->why, sizeof(verdict->why), "the helper's answer makes no sense");
	if (letter == NULL)
		return;
	verdict->outcome = (enum judge_outcome)(letter - outcome_letters);
	snprintf(verdict->why, sizeof(verdict->why), "%.*s", (int)(len - 1), data + 1);
}

static size_t compose_verdict(const struct judge_verdict *verdict, char *answer)
{
	size_t len = strlen(verdict->why);

	answer[0] = outcome_letters[verdict->outcome];
	memcpy(answer + 1, verdict->why, len);
	return len + 1;
}

/* ---- the helper ---- */

static size_t answer_question(const char *data, size_t len, char *answer)
{
	struct judge_question question;
	struct judge_verdict verdict = { .outcome = JUDGE_UNAVAILABLE };

	if (!judge_read(data, len, &question)) {
		snprintf(verdict.why, sizeof(verdict.why), "the question makes no sense");
	} else if (question.password[0] == '\0') {
		/* A directory takes a bind without a password for one of nobody, and says yes. */
		verdict.outcome = JUDGE_NO;
		snprintf(verdict.why, sizeof(verdict.why), "empty password");
	} else {
		for (size_t i = 0; judges[i].judge != NULL; i++)
			if (judges[i].method == question.method)
				judges[i].judge(&question, &verdict);
	}
	return compose_verdict(&verdict, answer);
}

void judge_run(void)
{
	helper_run(answer_question);
}
