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

/* The module's questions: the password is the one thing that we can say. */
static int converse(int count, const struct pam_message **messages, struct pam_response **out,
		    void *arg)
{
	const struct judge_question *question = arg;
	struct pam_response *replies;

	if (count <= 0 || count > PAM_MAX_NUM_MSG)
		return PAM_CONV_ERR;
	replies = mem_zero((size_t)count * sizeof(*replies));
	for (int i = 0; i < count; i++) {
		switch (messages[i]->msg_style) {
		case PAM_PROMPT_ECHO_OFF:
			replies[i].resp = mem_string(question->password);
			break;
		case PAM_ERROR_MSG:
		case PAM_TEXT_INFO:
			break;
		default: /* a second factor, a new password: nobody is there to answer */
			forget_replies(replies, count);
			return PAM_CONV_ERR;
		}
	}
	*out = replies;
	return PAM_SUCCESS;
}

static int ask(pam_handle_t *pam, const struct judge_question *question, const char **step)
{
	int result = PAM_SUCCESS;

	*step = "pam_set_item";
	if (question->host[0] != '\0')
		result = pam_set_item(pam, PAM_RHOST, question->host);
	if (result == PAM_SUCCESS) {
		*step = "pam_authenticate";
		result = pam_authenticate(pam, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
	}
	if (result == PAM_SUCCESS) {
		*step = "pam_acct_mgmt";
		result = pam_acct_mgmt(pam, PAM_SILENT | PAM_DISALLOW_NULL_AUTHTOK);
	}
	return result;
}

void pam_judge(const struct judge_question *question, struct judge_verdict *verdict)
{
	struct pam_conv talk = { .conv = converse, .appdata_ptr = (void *)question };
	pam_handle_t *pam = NULL;
	const char *step = "pam_start";
	int result = pam_start(PAM_SERVICE_NAME, question->user, &talk, &pam);

	/* Modules say little by their results: pam_exec's word for a wrong password is "system error". */
	verdict->outcome = result == PAM_SUCCESS ? JUDGE_NO : JUDGE_UNAVAILABLE;
	if (result == PAM_SUCCESS)
		result = ask(pam, question, &step);
	if (result == PAM_SUCCESS)
		verdict->outcome = JUDGE_YES;
	snprintf(verdict->why, sizeof(verdict->why), "%s: %s", step, pam_strerror(pam, result));
	if (pam != NULL)
		pam_end(pam, result);
}
