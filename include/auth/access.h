/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_AUTH_ACCESS_H
#define PGWEIR_AUTH_ACCESS_H

#include <stdbool.h>
#include <stddef.h>

#include "auth/file.h"
#include "auth/hba.h"
#include "auth/ident.h"
#include "auth/secrets.h"

struct settings;

/* Who may come in, and what they must prove: what the files of the settings say. */
struct access {
	struct secrets secrets; /* auth_file */
	struct hba hba;		/* auth_hba_file; only with auth_type=hba */
	struct ident ident;	/* auth_ident_file; the same */
	char *ldap;		/* auth_ldap_options as words; only with auth_type=ldap */

	/* Of most secrets in the file, or of the last one that auth_query found: for the unknown. */
	enum secret_kind usual_kind;

	char *secrets_path; /* what they were read from; NULL: nothing yet */
	struct file_mark secrets_mark;
	bool same_secrets; /* as loaded: the file has not changed, the known secrets stay */
};

/*
 * Reads what the files say now into a zeroed struct; auth_file only if it is another than `known`
 * was read from.  False, with an explanation: a file cannot be read, and nothing is left.  Lines
 * of the HBA and ident files that are wrong are skipped, which is logged unless `quiet`.
 * Blocking: at start and reload only.
 */
bool access_load(struct access *fresh, const struct access *known, const struct settings *settings,
		 bool quiet, char *error, size_t size);

/* Puts what was loaded in the place of what was known. */
void access_replace(struct access *known, struct access *fresh);

/* Whether the settings say to read other files, or other parts of them. */
bool access_differs(const struct settings *a, const struct settings *b);

void access_done(struct access *access);

#endif
