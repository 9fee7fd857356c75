/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_PROTO_EXTENDED_H
#define PGWEIR_PROTO_EXTENDED_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "proto/message.h"

/* Bodies of the extended query protocol; everything points into the body. */

struct parse_message {
	const char *name; /* "" is the unnamed statement */
	const char *query;
	uint32_t name_len;
	uint32_t query_len;
	uint16_t type_count;
	const uint8_t *types; /* type_count big-endian oids */
};

/*
 * A Bind up to the statement name.  What follows it (formats, values) is not looked at: a new
 * name goes before body + rest_at, with compose_bind_start.
 */
struct bind_message {
	const char *portal;
	const char *statement;
	uint32_t portal_len;
	uint32_t statement_len;
	uint32_t rest_at; /* offset in the body of what follows the name */
};

/* Describe and Close. */
struct target_message {
	char kind; /* 'S' statement, 'P' portal */
	const char *name;
	uint32_t name_len;
};

struct execute_message {
	const char *portal;
	uint32_t max_rows; /* 0: all */
};

/* Whole bodies; false if malformed. */
bool parse_read(const uint8_t *body, size_t len, struct parse_message *parse);
bool target_read(const uint8_t *body, size_t len, struct target_message *target);
bool execute_read(const uint8_t *body, size_t len, struct execute_message *execute);

/*
 * A Bind of which `avail` of `len` bytes of body are there; SHORT if the names are not yet
 * complete, BAD if they do not end inside the body.
 */
enum peek bind_read(const uint8_t *body, size_t avail, size_t len, struct bind_message *bind);

#endif
