/* SPDX-License-Identifier: ISC */
/* Files with users and rules: read whole, and wiped behind. */
#include "auth/file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "base/readable.h"

#define FIRST_SIZE (64u << 10)

/* The whole file; grows by doubling, and wipes what it leaves behind. */
static char *read_all(FILE *in, size_t *len)
{
	size_t size = FIRST_SIZE;
	char *data = mem_alloc(size);
	char *larger;

	*len = 0;
	for (;;) {
		*len += fread(data + *len, 1, size - *len, in);
		if (*len < size || size >= AUTH_FILE_MAX)
			return data;
		larger = mem_alloc(size * 2);
		memcpy(larger, data, *len);
		file_free(data, size);
		data = larger;
		size *= 2;
	}
}

char *file_read(const char *path, size_t *len, char *error, size_t size)
{
	const char *why;
	int fd = readable_open(path, READABLE_FILE, &why);
	FILE *in = fd >= 0 ? fdopen(fd, "r") : NULL;
	char *data;

	if (in == NULL) {
		snprintf(error, size, "%s: %s", path, why);
		return NULL;
	}
	/* A second copy in stdio's buffer would not be wiped. */
	setvbuf(in, NULL, _IONBF, 0);
	data = read_all(in, len);
	if (ferror(in))
		why = strerror(errno);
	else if (*len >= AUTH_FILE_MAX)
		why = "too large";
	fclose(in);
	if (why == NULL)
		return data;
	snprintf(error, size, "%s: %s", path, why);
	file_free(data, *len);
	return NULL;
}

void file_free(char *data, size_t len)
{
	mem_wipe(data, len);
	free(data);
}

void file_mark(const char *path, struct file_mark *mark)
{
	struct stat stat_of;

	memset(mark, 0, sizeof(*mark));
	if (stat(path, &stat_of) != 0)
		return;
	mark->device = stat_of.st_dev;
	mark->inode = stat_of.st_ino;
	mark->size = stat_of.st_size;
	mark->modified = stat_of.st_mtim;
	mark->changed = stat_of.st_ctim;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

bool file_mark_same(const struct file_mark *a, const struct file_mark *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       same_time(&a->modified, &b->modified) && same_time(&a->changed, &b->changed);
}
