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
 * questions of one queue (the same directory) never have all helpers.
 */

#define HELPERS_MAX 4u
#define HELPERS_OF_ONE_QUEUE (HELPERS_MAX - 1)

/* Modules of PAM leak, and libraries read their files once: nobody helps for ever. */
#define HELPER_ANSWERS_MAX 500u
#define HELPER_AGE_MAX (10 * 60 * USEC_PER_SEC)

/* What a helper's data may take: what wants more fails, or the helper dies of it. */
#define HELPER_MEMORY_MAX (512ull * 1024 * 1024)

/*
 * Questions that may wait in one queue: thousands of clients that come back at once are no reason
 * to refuse any, but a directory that does not keep up is.  And what all that wait may take.
 */
#define HELPER_QUEUE_MAX 5000u
#define HELPERS_WAITING_BYTES_MAX (16u * 1024 * 1024)

/* More queues are not kept; those at rest make room. */
#define HELPER_QUEUES_MAX 64u
#define HELPER_QUEUE_NAME_MAX 127u

/* The longest question and answer. */
#define HELPERS_QUESTION_MAX (128u * 1024)
#define HELPERS_ANSWER_MAX 1024u

enum helper_state {
	HELPER_NONE,
	HELPER_IDLE,
	HELPER_BUSY,
	HELPER_ENDING, /* told to end, or killed; not gone yet */
};

/* The asker's own count of what came of its questions. */
#define HELPER_OUTCOMES 3u

/* Questions for the same one: they wait in their order, and no others wait for them. */
struct helper_queue {
	struct list_node node; /* helpers->queues */
	char name[HELPER_QUEUE_NAME_MAX + 1];
	struct list waiting;
	struct list asked; /* of a helper, or answered and their askers not told yet */
	size_t bytes;	   /* of what waits */
	unsigned busy;	   /* helpers */
	usec_t used_at;
	uint64_t outcomes[HELPER_OUTCOMES];
	uint64_t left;	  /* their askers did not wait */
	uint64_t refused; /* too many waited */
	uint64_t usec;	  /* from the question to its answer, of all that were answered */
};

struct helper {
	struct helpers *helpers;
	struct helper_call *call;   /* BUSY: whose question it has; NULL: nobody waits any more */
	struct helper_queue *queue; /* BUSY: of its question */
	struct ev_io watcher;
	struct ev_child child;
	struct deadline deadline; /* BUSY, ENDING: until it is killed; IDLE: until it goes */
	usec_t started_at;
	usec_t asked_at; /* BUSY: when it got its question */
	unsigned answers;
	int fd;
	uint8_t state;
};

struct helpers {
	struct loop *loop;
	const char *argument; /* with which the program is a helper */
	struct list queues;
	size_t waiting_bytes;
	struct deadlines deadlines;
	struct helper helpers[HELPERS_MAX];
	usec_t patience; /* how long a helper may be silent */
	usec_t rest;	 /* how long it stays when nobody asks */
	uint64_t started;
	uint64_t lost; /* of those: killed, or ended unexpectedly */
};

/* A question under way.  A zeroed one may be canceled. */
struct helper_call {
	struct helpers *helpers;
	struct list_node node;	    /* queue->waiting, queue->asked */
	struct task task;	    /* tells the asker */
	struct helper *helper;	    /* that has the question */
	struct helper_queue *queue; /* also in `answered` */
	void *question;		    /* while it waits */
	size_t len;
	usec_t asked_at;

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
 * Asks, by the queue of this name; `answered` has been set.  The question, made with mem_alloc, is
 * wiped and freed here.  False: too many wait.
 */
bool helpers_ask(struct helpers *helpers, struct helper_call *call, const char *queue,
		 void *question, size_t len);

/* Nobody wants the answer any more; allowed at any time, twice too.  Wipes it. */
void helper_call_cancel(struct helper_call *call);

/* ---- the other side ---- */

/* Answers a question into a buffer of HELPERS_ANSWER_MAX; how long the answer is. */
typedef size_t helper_answer(const char *question, size_t len, char *answer);

/* All that a helper does, on the socket that is its standard input, until that is closed. */
void __attribute__((noreturn)) helper_run(helper_answer *answer);

#endif
