/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_IO_HELPERS_H
#define PGWEIR_IO_HELPERS_H

#include <ev.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/list.h"
#include "io/deadline.h"
#include "io/loop.h"

/*
 * Processes beside ours for what blocks.  Each answers one question at a time: a message over a
 * SOCK_SEQPACKET pair, and a message back.  A helper is this very program, run anew with one
 * argument, so that it has neither our descriptors nor our memory; it is started when a question
 * needs it, and dies with us.
 *
 *	asked -> waiting (in order) -> a helper has it -> answered
 *	           \___________ canceled ___/
 *
 * What hangs costs little: a helper that is silent for too long is killed and replaced, and
 * questions of one kind (the same directory) never have all helpers.
 */

#define HELPERS_MAX 4u
#define HELPERS_OF_ONE_KIND (HELPERS_MAX - 1)

/* Questions of one kind that may wait, as with PgBouncer; and all that may. */
#define HELPERS_WAITING_OF_ONE_KIND 20u
#define HELPERS_WAITING_MAX 200u

/* The longest question and answer. */
#define HELPERS_QUESTION_MAX (128u * 1024)
#define HELPERS_ANSWER_MAX 1024u

enum helper_state {
	HELPER_NONE,
	HELPER_IDLE,
	HELPER_BUSY,
	HELPER_ENDING, /* told to end, or killed; not gone yet */
};

struct helper {
	struct helpers *helpers;
	struct helper_call *call; /* BUSY: whose question it has; NULL: nobody waits any more */
	struct ev_io watcher;
	struct ev_child child;
	struct deadline deadline; /* BUSY: until it must answer; IDLE: until it goes */
	usec_t started_at;
	uint64_t kind; /* BUSY: of its question */
	unsigned answers;
	int fd;
	uint8_t state;
};

struct helpers {
	struct loop *loop;
	const char *argument; /* with which the program is a helper */
	struct list waiting;
	struct deadlines deadlines;
	struct helper helpers[HELPERS_MAX];
	usec_t patience; /* how long a helper may be silent */
	usec_t rest;	 /* how long it stays when nobody asks */
};

/* A question under way.  A zeroed one may be canceled. */
struct helper_call {
	struct list_node node; /* waiting */
	struct task task;      /* tells the asker */
	struct helper *helper; /* that has the question */
	void *question;	       /* while it waits */
	size_t len;
	uint64_t kind;

	/* In a later turn; `answer` is NULL if there is none, and `why` says why.  May free the call. */
	void (*answered)(struct helper_call *call);
	char *answer; /* NUL behind it */
	size_t answer_len;
	const char *why;
};

void helpers_init(struct helpers *helpers, struct loop *loop, const char *argument, usec_t patience,
		  usec_t rest);

/* Kills all; whoever still asks is told nothing. */
void helpers_done(struct helpers *helpers);

/*
 * Asks; `answered` has been set.  The question, made with mem_alloc, is wiped and freed here.
 * False: too many of its kind wait, or all in all.
 */
bool helpers_ask(struct helpers *helpers, struct helper_call *call, uint64_t kind, void *question,
		 size_t len);

/* Nobody wants the answer any more; allowed at any time, twice too.  Wipes it. */
void helper_call_cancel(struct helper_call *call);

/* ---- the other side ---- */

/* Answers a question into a buffer of HELPERS_ANSWER_MAX; how long the answer is. */
typedef size_t helper_answer(const char *question, size_t len, char *answer);

/* All that a helper does, on the socket that is its standard input, until that is closed. */
void __attribute__((noreturn)) helper_run(helper_answer *answer);

#endif
