/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_IO_ADDR_H
#define PGWEIR_IO_ADDR_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

/* A socket address: IPv4, IPv6 or a Unix socket (abstract ones too). */
struct addr {
	socklen_t len;
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
		struct sockaddr_un un;
	};
};

/* Several addresses of one host. */
struct addr_list {
	unsigned count;
	struct addr addrs[];
};

#define ADDR_TEXT_BYTES 128

/*
 * Makes an address without asking anybody: a numeric one ("10.0.0.1", "::1", "fe80::1%eth0",
 * also in brackets), a socket directory ("/tmp" means /tmp/.s.PGSQL.PORT) or an abstract one
 * ("@/tmp" likewise).  False if `host` is a name (or a path that is too long).
 */
bool addr_parse(struct addr *addr, const char *host, uint16_t port);

/* Writes "10.0.0.1:5432", "[::1]:5432", "/tmp/.s.PGSQL.5432" or "@…"; returns `buffer`. */
const char *addr_text(const struct addr *addr, char *buffer, size_t size);

/* The address alone, as libpq's hostaddr wants it, or "" if it is a Unix socket. */
const char *addr_number(const struct addr *addr, char *buffer, size_t size);
uint16_t addr_port(const struct addr *addr);
bool addr_is_unix(const struct addr *addr);

/*
 * An address of IPv4 that came over a socket for both (::ffff:10.0.0.1) becomes one: it is the
 * same client, whatever rules and logs it is compared with.
 */
void addr_unmap(struct addr *addr);

bool addr_equals(const struct addr *a, const struct addr *b);

/* Empty, with room for so many; to be freed with free(). */
struct addr_list *addr_list_new(unsigned room);
struct addr_list *addr_list_copy(const struct addr_list *list);
void addr_list_set_port(struct addr_list *list, uint16_t port);

/*
 * Walks "db1,db2:5433,[::1]:5432,/tmp": takes the next host off *list into `host` (size bytes)
 * and its port into *port (`default_port` if it names none).  ADDR_END when there is nothing
 * more; ADDR_BAD if a part is empty, too long, or its port is not 1 to 65535.
 */
enum addr_step { ADDR_NEXT, ADDR_END, ADDR_BAD };
enum addr_step addr_list_next(const char **list, char *host, size_t size, uint16_t *port,
			      uint16_t default_port);

#endif
