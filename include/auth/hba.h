/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_AUTH_HBA_H
#define PGWEIR_AUTH_HBA_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "auth/ident.h"
#include "auth/method.h"

/*
 * The rules of auth_hba_file, in the form of pg_hba.conf: which method is asked of whom, by the
 * way it comes, database, user and address.  The first line that matches counts.
 */
enum hba_type {
	HBA_LOCAL,
	HBA_HOST,
	HBA_HOSTSSL,
	HBA_HOSTNOSSL,
};

/* A column of names. */
struct hba_names {
	bool all;
	bool same_user;	  /* databases: the user's name */
	bool replication; /* databases: physical replication */
	char **names;	  /* in order */
	size_t count;
};

struct hba_rule {
	unsigned line;
	enum hba_type type;
	struct hba_names databases;
	struct hba_names users;
	int family; /* AF_INET, AF_INET6; AF_UNSPEC: any address */
	uint8_t address[16];
	uint8_t mask[16];
	enum auth_method method;
	char *map;   /* "": none */
	char *words; /* ldap: how the directory is asked (auth/ldap_options.h); else "" */
};

/* A zeroed struct has no rules: nobody comes in. */
struct hba {
	struct hba_rule *rules;
	size_t count;
};

/* Who comes. */
struct hba_client {
	const char *database;
	const char *user;
	int family; /* AF_UNIX, AF_INET, AF_INET6 */
	const uint8_t *address;
	bool tls;
	bool physical; /* physical replication: of no database */
};

/* How the reader gets at other files, and tells of lines. */
struct hba_reader {
	/* A copy of the file's text, freed with free(); NULL if it cannot be read. */
	char *(*read)(void *arg, const char *path, size_t *len);
	/* A line that is not taken, or that may not mean what its author thinks. */
	ident_warn *warn;
	void *arg;
};

/* Reads a file's text; lines that are malformed or not supported are told of and skipped. */
void hba_read(struct hba *hba, const char *data, size_t len, const char *file,
	      const struct hba_reader *reader);
void hba_done(struct hba *hba);

/* The first rule that matches, NULL if there is none. */
const struct hba_rule *hba_match(const struct hba *hba, const struct hba_client *client);

#endif
