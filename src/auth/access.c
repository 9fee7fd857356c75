/* SPDX-License-Identifier: ISC */
/* Who may come in, and what they must prove: the files of the settings. */
#include "auth/access.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/ldap_options.h"
#include "base/log.h"
#include "base/mem.h"
#include "conf/settings.h"

static void warn_of_line(void *arg, const char *file, unsigned line, const char *why)
{
	(void)arg;
	log_warn(process, "%s:%u: %s", file, line, why);
}

static void ignore_line(void *arg, const char *file, unsigned line, const char *why)
{
	(void)arg;
	(void)file;
	(void)line;
	(void)why;
}

static char *read_for_rules(void *arg, const char *path, size_t *len)
{
	char error[256];

	(void)arg;
	return file_read(path, len, error, sizeof(error));
}

static bool load_hba(struct hba *hba, const char *path, ident_warn *warn, char *error, size_t size)
{
	struct hba_reader reader = { .read = read_for_rules, .warn = warn };
	size_t len;
	char *data = file_read(path, &len, error, size);

	if (data == NULL)
		return false;
	hba_read(hba, data, len, path, &reader);
	file_free(data, len);
	return true;
}

static bool load_ident(struct ident *ident, const char *path, ident_warn *warn, char *error,
		       size_t size)
{
	size_t len;
	char *data;

	if (path[0] == '\0')
		return true;
	data = file_read(path, &len, error, size);
	if (data == NULL)
		return false;
	ident_read(ident, data, len, path, warn, NULL);
	file_free(data, len);
	return true;
}

/* A map that is nowhere lets nobody in, as with PostgreSQL. */
static void check_maps(const struct hba *hba, const struct ident *ident, const char *path,
		       ident_warn *warn)
{
	char why[160];

	for (size_t i = 0; i < hba->count; i++) {
		const struct hba_rule *rule = &hba->rules[i];

		if (rule->map[0] == '\0' || ident_has_map(ident, rule->map))
			continue;
		snprintf(why, sizeof(why),
			 "map \"%.60s\" is not in auth_ident_file: nobody gets in by this line",
			 rule->map);
		warn(NULL, path, rule->line, why);
	}
}

static bool load_ldap(char **words, const char *options, char *error, size_t size)
{
	struct ldap_options parsed = { 0 };
	struct text text = { 0 };
	char why[200];
	bool ok = ldap_words(options, &text, why, sizeof(why)) &&
		  ldap_options_read(&parsed, text_string(&text), why, sizeof(why));

	ldap_options_done(&parsed);
	if (!ok) {
		snprintf(error, size, "auth_type=ldap: auth_ldap_options: %s", why);
		text_done(&text);
	}
	*words = ok ? text_take(&text) : NULL;
	return ok;
}

static bool load_rules(struct access *fresh, const struct settings *settings, ident_warn *warn,
		       char *error, size_t size)
{
	if (settings->auth_type == AUTH_TYPE_LDAP)
		return load_ldap(&fresh->ldap, settings->auth_ldap_options, error, size);
	if (settings->auth_type != AUTH_TYPE_HBA)
		return true;
	if (!load_hba(&fresh->hba, settings->auth_hba_file, warn, error, size) ||
	    !load_ident(&fresh->ident, settings->auth_ident_file, warn, error, size))
		return false;
	check_maps(&fresh->hba, &fresh->ident, settings->auth_hba_file, warn);
	return true;
}

static bool is_same_file(const struct access *access, const char *path,
			 const struct file_mark *mark)
{
	return access->secrets_path != NULL && strcmp(access->secrets_path, path) == 0 &&
	       file_mark_same(&access->secrets_mark, mark);
}

static enum secret_kind find_usual_kind(const struct secrets *secrets)
{
	const struct secret *secret;
	size_t at = 0, scram = 0, others = 0;

	while ((secret = secrets_walk(secrets, &at)) != NULL) {
		scram += secret->kind == SECRET_SCRAM;
		others += secret->kind == SECRET_PLAIN || secret->kind == SECRET_MD5;
	}
	return scram > others ? SECRET_SCRAM : SECRET_PLAIN;
}

bool access_load(struct access *fresh, const struct access *known, const struct settings *settings,
		 bool quiet, char *error, size_t size)
{
	const char *path = settings->auth_file;
	ident_warn *warn = quiet ? ignore_line : warn_of_line;

	/* Marked before it is read: what is written meanwhile is read the next time. */
	file_mark(path, &fresh->secrets_mark);
	fresh->secrets_path = mem_string(path);
	fresh->same_secrets = is_same_file(known, path, &fresh->secrets_mark);
	if ((fresh->same_secrets || path[0] == '\0' ||
	     secrets_load(&fresh->secrets, path, error, size)) &&
	    load_rules(fresh, settings, warn, error, size)) {
		fresh->usual_kind =
			fresh->same_secrets ? known->usual_kind : find_usual_kind(&fresh->secrets);
		return true;
	}
	access_done(fresh);
	return false;
}

void access_replace(struct access *known, struct access *fresh)
{
	struct secrets kept = known->secrets;

	if (fresh->same_secrets)
		memset(&known->secrets, 0, sizeof(known->secrets));
	access_done(known);
	*known = *fresh;
	if (fresh->same_secrets)
		known->secrets = kept;
	memset(fresh, 0, sizeof(*fresh));
}

bool access_differs(const struct settings *a, const struct settings *b)
{
	return a->auth_type != b->auth_type || strcmp(a->auth_file, b->auth_file) != 0 ||
	       strcmp(a->auth_hba_file, b->auth_hba_file) != 0 ||
	       strcmp(a->auth_ident_file, b->auth_ident_file) != 0 ||
	       strcmp(a->auth_ldap_options, b->auth_ldap_options) != 0;
}

void access_done(struct access *access)
{
	secrets_done(&access->secrets);
	hba_done(&access->hba);
	ident_done(&access->ident);
	mem_free_secret(access->ldap);
	free(access->secrets_path);
	memset(access, 0, sizeof(*access));
}
