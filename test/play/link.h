/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_TEST_LINK_H
#define PGWEIR_TEST_LINK_H

#include "base/text.h"
#include "io/stream.h"
#include "play.h"

/* The far ends of pgweir's connections, and the transport that makes them. */

enum link_kind {
	LINK_CLIENT,
	LINK_SERVER,
};

struct link {
	struct stream *stream; /* pgweir's end; NULL once it is closed */
	enum link_kind kind;
	int number; /* the stream's fd */
	int host;   /* of a server */
	uint32_t pid;
	uint8_t key[64];
	size_t key_len;
	struct text said; /* for pgweir to read, from `said_at` on */
	size_t said_at;
	struct text rest; /* of says_part */
	struct text sent; /* by pgweir, from `sent_at` on not heard yet */
	size_t sent_at;
	size_t room; /* bytes that it may still send */
	int error;   /* of the end; 0: in order */
	bool ended;  /* by the far end */
	bool end_seen;
	bool started;	/* the startup packet was heard */
	bool carrier;	/* a server's: it came with a cancel request */
	char text[512]; /* of the last error heard */
	struct text heard;
};

#define LINKS_MAX 256
extern struct link *links[LINKS_MAX];
extern int link_count;
extern int link_refusal;     /* errno with which connects fail at once; 0: they do not */
extern uint64_t links_moved; /* counts what happens, so that it can be told when nothing does */

extern const struct stream_transport play_transport;

struct link *link_new(enum link_kind kind);
void links_free(void);

/* The messages of a script, and a message as it is written in one (link->kind says whose). */
void script_compose(struct text *out, enum link_kind from, const char *script);
void script_describe(struct link *link, struct text *out);

#endif
