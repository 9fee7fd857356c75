/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_AUTH_PEER_H
#define PGWEIR_AUTH_PEER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The name of a user of the operating system, as /etc/passwd has it; false if it is not there.
 *
 * The file is read and the name service is not asked: that may go to a directory over the network
 * and block, and with it all clients.  A small local file costs less than the login's hashing.
 */
bool peer_name(uint32_t uid, char *name, size_t size);

/* The same from another file, for tests. */
bool peer_name_in(const char *path, uint32_t uid, char *name, size_t size);

#endif
