/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_AUTH_PAM_H
#define PGWEIR_AUTH_PAM_H

#include "auth/judge.h"

/* The name of the service that PAM is asked for (/etc/pam.d): PgBouncer's. */
#define PAM_SERVICE_NAME "pgbouncer"

/* Asks PAM.  Blocking: in a helper only. */
void pam_judge(const struct judge_question *question, struct judge_verdict *verdict);

#endif
