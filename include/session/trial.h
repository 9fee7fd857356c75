/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_SESSION_TRIAL_H
#define PGWEIR_SESSION_TRIAL_H

struct client;

/*
 * A client has its pool and is to be greeted: once there are parameters to greet it with, and
 * PostgreSQL has taken those of its startup packet.
 */
void trial_begin(struct client *client);

#endif
