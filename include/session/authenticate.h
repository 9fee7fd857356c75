/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_SESSION_AUTHENTICATE_H
#define PGWEIR_SESSION_AUTHENTICATE_H

struct client;

/* Makes a client prove who it is. */

/* The startup packet is read, the client is in CLIENT_AUTH: asks it, lets it in, or closes it. */
void authenticate_begin(struct client *client);

/* Takes the client's answer. */
void authenticate_input(struct client *client);

#endif
