/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_TEST_PLAY_H
#define PGWEIR_TEST_PLAY_H

#include <check.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "pool/database.h"

/*
 * Plays: whole sessions against a transport in memory, a scripted PostgreSQL and a clock that
 * only moves when told.  A play speaks for the clients and for the servers, in turns:
 *
 *	struct link *client = client_in("app");
 *
 *	says(client, "Q{select 1}");
 *	hears(server_on(REPLICA), "Q{select 1}");
 *	says(server_on(REPLICA), "T D{1} C{SELECT 1} Z{I}");
 *	hears(client, "T D{1} C{SELECT 1} Z{I}");
 *
 * Messages are written as their type letter with what matters in braces, fields parted by "|";
 * "*5" behind one repeats it, "#5000" stands for that many bytes.
 *
 *	clients		Q{sql} P{name|sql} B{portal|statement|value} D{S|name} C{S|name} E{portal}
 *			S H X d{data} c f{why} F{oid}; start{user|database|name=value}
 *	servers		1 2 3 n s I V T t D{value|...} C{tag} Z{I} N{text} S{name|value} G H d{data} c
 *			E{sqlstate|text}, F{sqlstate|text} for FATAL, A{channel}
 *
 * What is heard has no texts of errors (link_error has the last one), "EOF" at its end if pgweir
 * closed the connection, and "+n" for the n bytes of a message that is not whole.
 */

/* The hosts: 10.0.0.1 begins as the primary, the others as replicas. */
enum { PRIMARY = 1, REPLICA = 2, OTHER_REPLICA = 3 };

#define MSEC USEC_PER_MSEC
#define SEC USEC_PER_SEC

/* One connection of pgweir's, the far end of which is the play's. */
struct link;

/* What a play begins with; zero is the usual. */
struct play_options {
	int unused;
	int hosts;	      /* 0: two */
	const char *global;   /* more lines of the section [pgweir] */
	const char *database; /* more options of the database `app` */
	const char *plain;    /* and of `plain` */
	const char *more;     /* more sections, behind [databases] */
};

/*
 * Begins: databases `app` (of the cluster, split) and `plain` (of 10.0.0.1 alone), transaction
 * pooling, all replicas fresh, users alice and bob.
 */
#define play_begin(...) play_begin_with(&(struct play_options){ .unused = 0, __VA_ARGS__ })
void play_begin_with(const struct play_options *options);

/* A RELOAD with another configuration. */
#define play_reload(...) play_reload_with(&(struct play_options){ .unused = 0, __VA_ARGS__ })
void play_reload_with(const struct play_options *options);

/* Closes everything and checks that nothing is left; each play ends with it by itself. */
void play_end(void);

extern struct pooler pooler;

/* ---- time ---- */

/* Lets time pass: deadlines run, then everything that follows from them. */
void pass(usec_t time);

/* ---- connections ---- */

/* A client that has said nothing; one that logged in as alice, and as somebody else. */
struct link *client_new(void);
struct link *client_in(const char *database);
struct link *client_as(const char *user, const char *database, const char *more);

/* A connection with a cancel request for this client. */
struct link *client_cancels(struct link *client);

/*
 * The connection to a host on which something was not heard yet, else the newest; the i-th from
 * the oldest on; how many are open.
 */
struct link *server_on(int host);
struct link *server_at(int host, int i);
int servers_on(int host);

/* The server, on whatever host, on which something was not heard yet. */
struct link *server_asked(void);

/* Whether everything that was sent to a host was heard. */
bool host_is_silent(int host);

/* The newest open connection to a host that carries a cancel request; NULL if there is none. */
struct link *carrier_on(int host);

/* What BackendKeyData said in that link's login. */
uint32_t link_pid(const struct link *link);

/* Whether pgweir still has this connection. */
bool link_is_open(const struct link *link);

/* ---- speech ---- */

/* Says something and lets everything happen that follows; `queues` only says it. */
void says(struct link *link, const char *script);
void queues(struct link *link, const char *script);

/* Says the first n bytes; the rest follows with says_rest. */
void says_part(struct link *link, const char *script, size_t n);
void says_rest(struct link *link);

void says_bytes(struct link *link, const void *bytes, size_t n);

/* Closes from the far end: in order, and with ECONNRESET. */
void leaves(struct link *link);
void breaks(struct link *link);

/* All that was heard since the last call, in the notation of above. */
const char *heard(struct link *link);
#define hears(link, script) ck_assert_str_eq(heard(link), script)

/* The text of the last ErrorResponse that was heard. */
const char *link_error(const struct link *link);

/* The far end takes n more bytes and then no more (it took all before); everything again. */
void takes_only(struct link *link, size_t n);
void takes_all(struct link *link);

/* Bytes that were said and that pgweir has not read, and that it sent and nobody heard. */
size_t link_unread(const struct link *link);
size_t link_unheard(const struct link *link);

/* Everything that can happen now happens. */
void play_run(void);

/* ---- hosts ---- */

/* New connections to a host fail with this errno (0: they are accepted), or hang. */
void host_refuses(int host, int error);
void host_hangs(int host);
void host_accepts(int host);

/* No connection can even begin, to whatever host: connect() gives this errno (0: as before). */
void connects_fail(int error);

/* New logins at a host are answered with this ("F{57P03}") and the end (NULL: they are let in). */
void host_rejects(int host, const char *script);

/* What the monitor would hear, now: the primary has written something; a replica has it all. */
void primary_says(int host, uint32_t timeline);
void replica_says(int host, uint32_t timeline);

/* A replica answers, but has replayed nothing more. */
void replica_lags(int host, uint32_t timeline);

/* Nobody answers. */
void host_is_down(int host);

/* A moment passes and all hosts say what they are: 10.0.0.1 the primary, the replicas fresh. */
void all_fresh(void);

struct host *host_number(int host);

/* ---- the program of a file of plays ---- */

TCase *play_case(const char *name);
int play_main(void);

#endif
