/* SPDX-License-Identifier: ISC */
/*
 * A module of PAM that does what its arguments say, in order:
 *
 *	ask=TEXT    asks, without echo; "USER-word" must be the answer
 *	show=TEXT   asks, with echo
 *	error=TEXT  says an error;  info=TEXT  says something
 *	touch=PATH  makes a file
 *	eat=N       allocates N MB
 *	hang        never ends
 *	result=N    ends with this result, else PAM_SUCCESS
 *
 * A % in an argument is the end of a line.
 */
#include <security/pam_ext.h>
#include <security/pam_modules.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int ask(pam_handle_t *pam, int style, const char *text)
{
	const char *user = NULL;
	char *answer = NULL, right[300];
	int result = pam_prompt(pam, style, &answer, "%s", text);

	if (result == PAM_SUCCESS && style == PAM_PROMPT_ECHO_OFF) {
		pam_get_user(pam, &user, NULL);
		snprintf(right, sizeof(right), "%s-word", user);
		if (answer == NULL || strcmp(answer, right) != 0)
			result = PAM_AUTH_ERR;
	}
	free(answer);
	return result;
}

static int eat(long megabytes)
{
	size_t size = (size_t)megabytes << 20;
	char *food = malloc(size);

	if (food == NULL)
		return PAM_BUF_ERR;
	memset(food, 'x', size);
	free(food);
	return PAM_SUCCESS;
}

static int touch(const char *path)
{
	FILE *file = fopen(path, "w");

	return file != NULL && fclose(file) == 0 ? PAM_SUCCESS : PAM_SYSTEM_ERR;
}

static int obey(pam_handle_t *pam, const char *what, const char *with)
{
	if (strcmp(what, "ask") == 0)
		return ask(pam, PAM_PROMPT_ECHO_OFF, with);
	if (strcmp(what, "show") == 0)
		return ask(pam, PAM_PROMPT_ECHO_ON, with);
	if (strcmp(what, "error") == 0)
		return ask(pam, PAM_ERROR_MSG, with);
	if (strcmp(what, "info") == 0)
		return ask(pam, PAM_TEXT_INFO, with);
	if (strcmp(what, "touch") == 0)
		return touch(with);
	if (strcmp(what, "eat") == 0)
		return eat(atol(with));
	while (strcmp(what, "hang") == 0)
		pause();
	return atoi(with); /* result */
}

static int run(pam_handle_t *pam, int count, const char **arguments)
{
	int result = PAM_SUCCESS;

	for (int i = 0; i < count && result == PAM_SUCCESS; i++) {
		char what[300];
		char *with;

		snprintf(what, sizeof(what), "%s", arguments[i]);
		for (char *p = what; (p = strchr(p, '%')) != NULL;)
			*p = '\n';
		with = strchr(what, '=');
		if (with != NULL)
			*with++ = '\0';
		result = obey(pam, what, with != NULL ? with : "");
	}
	return result;
}

int pam_sm_authenticate(pam_handle_t *pam, int flags, int count, const char **arguments)
{
	(void)flags;
	return run(pam, count, arguments);
}

int pam_sm_acct_mgmt(pam_handle_t *pam, int flags, int count, const char **arguments)
{
	(void)flags;
	return run(pam, count, arguments);
}

int pam_sm_setcred(pam_handle_t *pam, int flags, int count, const char **arguments)
{
	(void)pam;
	(void)flags;
	(void)count;
	(void)arguments;
	return PAM_SUCCESS;
}
