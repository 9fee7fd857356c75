/* SPDX-License-Identifier: ISC */
/* The methods by which clients prove who they are. */
#include "auth/method.h"

#include <stddef.h>
#include <string.h>

static const struct {
	const char *name;
	const char *hba_name; /* NULL: as `name` */
	unsigned places;
	enum auth_ask ask;
} methods[METHOD_COUNT] = {
	[METHOD_TRUST] = { "trust", NULL, METHOD_IN_AUTH_TYPE | METHOD_IN_HBA, ASK_NOTHING },
	[METHOD_ANY] = { "any", NULL, METHOD_IN_AUTH_TYPE, ASK_NOTHING },
	[METHOD_PLAIN] = { "plain", "password", METHOD_IN_AUTH_TYPE | METHOD_IN_HBA, ASK_PLAIN },
	[METHOD_MD5] = { "md5", NULL, METHOD_IN_AUTH_TYPE | METHOD_IN_HBA, ASK_MD5 },
	[METHOD_SCRAM] = { "scram-sha-256", NULL, METHOD_IN_AUTH_TYPE | METHOD_IN_HBA, ASK_SCRAM },
	[METHOD_CERT] = { "cert", NULL, METHOD_IN_AUTH_TYPE | METHOD_IN_HBA, ASK_CERTIFICATE },
	[METHOD_PEER] = { "peer", NULL, METHOD_IN_HBA, ASK_PEER },
	[METHOD_REJECT] = { "reject", NULL, METHOD_IN_HBA, ASK_REFUSE },
	[METHOD_HBA] = { "hba", NULL, METHOD_IN_AUTH_TYPE, ASK_REFUSE },
	[METHOD_LDAP] = { "ldap", NULL, METHOD_IN_AUTH_TYPE | METHOD_IN_HBA, ASK_ELSEWHERE },
	[METHOD_PAM] = { "pam", NULL, METHOD_IN_AUTH_TYPE, ASK_ELSEWHERE },
};

bool method_find(const char *name, enum method_place place, enum auth_method *method)
{
	const char *known;
	unsigned i;

	for (i = 0; i < METHOD_COUNT; i++) {
		known = methods[i].name;
		if (place == METHOD_IN_HBA && methods[i].hba_name != NULL)
			known = methods[i].hba_name;
		if ((methods[i].places & place) != 0 && strcmp(known, name) == 0) {
			*method = (enum auth_method)i;
			return true;
		}
	}
	return false;
}

const char *method_name(enum auth_method method)
{
	return methods[method].name;
}

enum auth_ask method_ask(enum auth_method method, enum secret_kind kind)
{
	if (method == METHOD_MD5 && kind == SECRET_SCRAM)
		return ASK_SCRAM;
	return methods[method].ask;
}
