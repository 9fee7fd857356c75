/* SPDX-License-Identifier: ISC */
/* Opens files to be read so that nobody has to wait for them. */
#include "base/readable.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

static bool serving;

static bool is_null(const struct stat *file)
{
	return S_ISCHR(file->st_mode) && file->st_rdev == makedev(1, 3);
}

static bool may_wait(const struct stat *file, enum readable kind)
{
	return kind == READABLE_PIPE_AT_START && !serving &&
	       (S_ISFIFO(file->st_mode) || S_ISCHR(file->st_mode));
}

/* NULL: it may be read. */
static const char *judge(int fd, enum readable kind)
{
	struct stat file;

	if (fstat(fd, &file) != 0)
		return strerror(errno);
	if (S_ISREG(file.st_mode) || is_null(&file))
		return NULL;
	if (S_ISDIR(file.st_mode))
		return strerror(EISDIR);
	if (!may_wait(&file, kind))
		return "not a regular file";
	return fcntl(fd, F_SETFL, 0) == 0 ? NULL : strerror(errno);
}

int readable_open(const char *path, enum readable kind, const char **why)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

	*why = fd < 0 ? strerror(errno) : judge(fd, kind);
	if (*why == NULL)
		return fd;
	if (fd >= 0)
		close(fd);
	return -1;
}

void readable_wait_no_more(void)
{
	serving = true;
}
