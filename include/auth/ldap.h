/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_AUTH_LDAP_H
#define PGWEIR_AUTH_LDAP_H

#include "auth/judge.h"

/* Asks a directory.  Blocking: in a helper only. */
void ldap_judge(const struct judge_question *question, struct judge_verdict *verdict);

#endif
