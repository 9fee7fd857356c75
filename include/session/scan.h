/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_SESSION_SCAN_H
#define PGWEIR_SESSION_SCAN_H

#include <stdbool.h>
#include <stdint.h>

#include "sql/directive.h"
#include "sql/verdict.h"

struct client;

/*
 * What is known of the request at the head of a client's input: one Query message, or all
 * extended messages up to Sync or Flush.  Nothing is consumed.
 */
struct request {
	struct verdict verdict;
	const char *sql; /* of a Query; in the input, valid until that moves */
	uint32_t sql_len;
	uint32_t len; /* bytes of the request; 0: its end is not known */
	enum route_choice hint;
	bool simple; /* a Query message */
	bool open;   /* it ends with Flush: its batch goes on */
};

enum scan {
	SCAN_MORE,  /* its end is not there yet */
	SCAN_READY, /* all of it is there, or it is too large to be looked at: then len is 0 */
	SCAN_BAD,   /* a message is malformed */
};

/* Where requests end: this function owns that. */
enum scan request_scan(struct client *client, struct request *request);

/* The verdict of a text for this client: its string syntax and encoding count. */
struct verdict client_classify(const struct client *client, const char *sql, uint32_t len);

#endif
