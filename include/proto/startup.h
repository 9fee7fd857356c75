/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_PROTO_STARTUP_H
#define PGWEIR_PROTO_STARTUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct writer;

/*
 * Limits of PostgreSQL: MAX_STARTUP_PACKET_LENGTH, which does not count the length word, and
 * MAX_CANCEL_KEY_LENGTH.
 */
#define STARTUP_MAX 10004u
#define CANCEL_KEY_MAX 256u

/* The newest protocol that we speak is 3.2 (keys of cancel requests of more than 4 bytes). */
#define PROTOCOL_MINOR 2u

/* Bytes of the cancel keys that we hand out: up to protocol 3.1, from 3.2 on. */
#define CANCEL_KEY_SHORT 4u
#define CANCEL_KEY_LONG 32u

enum startup_kind {
	STARTUP_SHORT,	 /* more bytes are needed */
	STARTUP_BAD,	 /* malformed: `why` says what */
	STARTUP_TLS,	 /* a TLS handshake without asking (PostgreSQL 17) */
	STARTUP_SSL,	 /* SSLRequest */
	STARTUP_GSS,	 /* GSSENCRequest */
	STARTUP_CANCEL,	 /* CancelRequest: `pid`, `key` */
	STARTUP_LOGIN,	 /* StartupMessage of protocol 3: `minor`, startup_next */
	STARTUP_V2,	 /* protocol 2 */
	STARTUP_VERSION, /* another major version */
};

/* The first packet of a connection; points into the buffer it was read from. */
struct startup {
	uint32_t len; /* bytes of the packet */
	uint16_t major;
	uint16_t minor; /* as asked for; startup_minor says what it becomes */
	const char *params;
	const char *params_end; /* at the terminator */
	uint32_t pid;
	const uint8_t *key;
	uint32_t key_len; /* 4 .. CANCEL_KEY_MAX */
	const char *why;  /* static text of a BAD packet, for the ErrorResponse (08P01) */
};

/* Reads the packet at `p`.  Of a LOGIN the whole layout is checked. */
enum startup_kind startup_read(const uint8_t *p, size_t avail, struct startup *startup);

/* Walks the parameters of a LOGIN: start with *at = startup->params; false at the end. */
bool startup_next(const struct startup *startup, const char **at, const char **name,
		  const char **value);

/* The value of a parameter (the last one, as in PostgreSQL), NULL if it is absent. */
const char *startup_find(const struct startup *startup, const char *name);

/* The minor version to speak with this client (at most PROTOCOL_MINOR). */
uint16_t startup_minor(const struct startup *startup);

/* Whether a parameter is a protocol option ("_pq_.x"), of which we know none. */
bool startup_is_protocol_option(const char *name);

/*
 * Writes NegotiateProtocolVersion if the client asked for more than we have: a newer minor
 * version, protocol options.  False if it did not fit.
 */
bool startup_negotiate(const struct startup *startup, struct writer *writer);

/*
 * The settings in the parameter `options`: "-c k=v", "-ck=v", "--k=v", and the other switches of a
 * PostgreSQL backend that mean a setting; a backslash takes the next character as it is.
 */
struct startup_options {
	const char *at; /* of the text: the next word */
	char *word;	/* the one that is being read, without its backslashes */
	char *rest;	/* of the word */
	size_t size;
};

enum startup_option {
	OPTION_SET,
	OPTION_END,
	OPTION_BAD, /* no switch of PostgreSQL's, or larger than the buffer: the name is it */
	OPTION_LACKS_VALUE, /* the name is what was to be set */
};

/* Words are read into a buffer of this size, which is not empty. */
void startup_options_begin(struct startup_options *options, const char *text, char *word,
			   size_t size);

/* The next one; a '-' in a name becomes '_', as in PostgreSQL.  Valid until the next call. */
enum startup_option startup_options_next(struct startup_options *options, const char **name,
					 const char **value);

/* The parameter `replication` (NULL: absent): "database" or PostgreSQL's boolean words. */
enum replication {
	REPLICATION_NONE,
	REPLICATION_PHYSICAL,
	REPLICATION_LOGICAL,
	REPLICATION_BAD,
};
enum replication startup_replication(const char *value);

/* "none", "physical", "logical": for SHOW; and the parameter's value, "no" without. */
const char *replication_name(uint8_t replication);
const char *replication_value(uint8_t replication);

#endif
