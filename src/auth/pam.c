/* SPDX-License-Identifier: ISC */
/* Asks PAM whether a password is a user's. */
#include "auth/pam.h"

#include <security/pam_appl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static void forget_replies(struct pam_response *replies, int count)
{
	for (int i = 0; i < count; i++)
		mem_free_secret(replies[i].resp);
	free(replies);
}

struct talk {
	const struct judge_question *question;
	char said[300]; /* by the modules, for the log */
};

static void note(struct talk *talk, const char *what, const char *text)
{
	size_t len = strlen(talk->said);

	snprintf(talk->said + len, sizeof(talk->said) - len, "%s%s%s", len != 0 ? "; " : "", what,
		 text != NULL ? text : "");
}

/* The module's questions: the password is the one thing that we can say. */
static int converse(int count, const struct pam_message **messages, struct pam_response **out,
		    void *arg)
{
	struct talk *talk = arg;
	struct pam_response *replies;

	if (count <= 0 || count > PAM_MAX_NUM_MSG)
		return PAM_CONV_ERR;
	replies = mem_zero((size_t)count * sizeof(*replies));
	for (int i = 0; i < count; i++) {
		switch (messages[i]->msg_style) {
		case PAM_PROMPT_ECHO_OFF:
			replies[i].resp = mem_string(talk->question->password);
			break;
		case PAM_ERROR_MSG:
		case PAM_TEXT_INFO:
			note(talk, "", messages[i]->msg);
			break;
		default: /* a user name, a code: nobody is there to answer */
			note(talk, "cannot answer ", messages[i]->msg);
			forget_replies(replies, count);
			return PAM_CONV_ERR;
		}
	}
	*out = replies;
	return PAM_SUCCESS;
}

/* Not PAM_SILENT: why a login is refused is often only said, "your account has expired". */
static int ask(pam_handle_t *pam, const struct judge_question *question, const char **step)
{
	int result = PAM_SUCCESS;

	*step = "pam_set_item";
	if (question->host[0] != '\0')
		result = pam_set_item(pam, PAM_RHOST, question->host);
	if (result == PAM_SUCCESS) {
		*step = "pam_authenticate";
		result = pam_authenticate(pam, PAM_DISALLOW_NULL_AUTHTOK);
	}
	if (result == PAM_SUCCESS) {
		*step = "pam_acct_mgmt";
		result = pam_acct_mgmt(pam, PAM_DISALLOW_NULL_AUTHTOK);
	}
	return result;
}

/* Modules say little by their results: pam_exec's word for a wrong password is "system error". */
static enum judge_outcome outcome_of(int result)
{
	return result == PAM_SUCCESS		? JUDGE_YES
	       : result == PAM_AUTHINFO_UNAVAIL ? JUDGE_UNAVAILABLE
						: JUDGE_NO;
}

void pam_judge(const struct judge_question *question, struct judge_verdict *verdict)
{
	struct talk talk = { .question = question };
	struct pam_conv conversation = { .conv = converse, .appdata_ptr = &talk };
	pam_handle_t *pam = NULL;
	const char *step = "pam_start";
	int result = pam_start(PAM_SERVICE_NAME, question->user, &conversation, &pam);

	verdict->outcome = JUDGE_UNAVAILABLE;
	if (result == PAM_SUCCESS) {
		result = ask(pam, question, &step);
		verdict->outcome = outcome_of(result);
	}
	snprintf(verdict->why, sizeof(verdict->why), "%s: %s%s%s%s", step,
		 pam_strerror(pam, result), talk.said[0] != '\0' ? " (" : "", talk.said,
		 talk.said[0] != '\0' ? ")" : "");
	if (pam != NULL)
		pam_end(pam, result);
}
