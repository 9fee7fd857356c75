/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_ADMIN_SUSPEND_H
#define PGWEIR_ADMIN_SUSPEND_H

#include <stdbool.h>

struct pooler;

/*
 * SUSPEND: from now on nothing is read from clients and servers, accepted or leased; what is
 * queued for them goes out.
 */
void suspend_begin(struct pooler *pooler);

/* Whether all of that is out; `force` closes those where it is not. */
bool suspend_is_complete(struct pooler *pooler, bool force);

/* The reverse; operate_resume does it. */
void suspend_end(struct pooler *pooler);

#endif
