/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_BASE_READABLE_H
#define PGWEIR_BASE_READABLE_H

#include <stdbool.h>

/*
 * Files that are read at the start and again while clients are served.  Nobody may have to wait
 * for who writes a pipe, or for a terminal: only regular files are opened, and /dev/null.
 */
enum readable {
	READABLE_FILE,
	READABLE_PIPE_AT_START, /* pipes, terminals too, as long as nobody is served */
};

/* A descriptor, or -1 and why not. */
int readable_open(const char *path, enum readable kind, const char **why);

/* From now on clients are served. */
void readable_wait_no_more(void);

#endif
