/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_AUTH_FILE_H
#define PGWEIR_AUTH_FILE_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>
#include <time.h>

/* No list of users or rules is longer; a wrong path (a log, a device) may be. */
#define AUTH_FILE_MAX (256u << 20)

/*
 * The bytes of a file, to be given to file_free; NULL, with "file: why", if it cannot be read.
 * Blocking: at start and reload only.
 */
char *file_read(const char *path, size_t *len, char *error, size_t size);

/* Wipes and frees. */
void file_free(char *data, size_t len);

/* By what one sees that a file is another than the one that was read. */
struct file_mark {
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec modified;
	struct timespec changed;
};

/* The mark of a file as it is now; zeros if there is none. */
void file_mark(const char *path, struct file_mark *mark);
bool file_mark_same(const struct file_mark *a, const struct file_mark *b);

#endif
