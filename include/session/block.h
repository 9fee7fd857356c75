/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_SESSION_BLOCK_H
#define PGWEIR_SESSION_BLOCK_H

#include <stdbool.h>

#include "session/scan.h"

struct client;

/*
 * Transaction blocks that no server has: one that was begun and not used yet (lazy_begin), and
 * one whose server was lost (25P02 until ROLLBACK).  And our own settings, SET pgweir.route.
 */

/* Whether we answer this request ourselves. */
bool block_answers(const struct client *client, const struct request *request);

/*
 * Answers it and consumes it.  No server is held and no replies are owed, so the order of
 * answers is kept.
 */
void block_answer(struct client *client, const struct request *request);

#endif
