/* SPDX-License-Identifier: ISC */
/* What a process in the background is to the system: its user, its pidfile, its limits. */
#include "main/daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/log.h"
#include "conf/config.h"

/* Descriptors that are neither clients nor servers: loop, log, listeners, DNS and the like. */
#define FILES_BESIDES 32

bool identity_find(struct identity *identity, const char *user, char *error, size_t size)
{
	const struct passwd *entry;

	memset(identity, 0, sizeof(*identity));
	identity->uid = geteuid();
	identity->gid = getegid();
	if (user[0] != '\0') {
		entry = getpwnam(user);
		if (entry == NULL) {
			snprintf(error, size, "could not find user '%s' to switch to", user);
			return false;
		}
		identity->change = entry->pw_uid != identity->uid;
		if (identity->change && identity->uid != 0) {
			snprintf(error, size, "cannot become user '%s': not started as root", user);
			return false;
		}
		identity->uid = entry->pw_uid;
		identity->gid = identity->change ? entry->pw_gid : identity->gid;
		snprintf(identity->name, sizeof(identity->name), "%s", user);
	}
	if (identity->uid == 0) {
		snprintf(error, size, "pgweir should not run as root");
		return false;
	}
	return true;
}

bool identity_become(const struct identity *identity, char *error, size_t size)
{
	if (!identity->change)
		return true;
	if (initgroups(identity->name, identity->gid) != 0 || setgid(identity->gid) != 0 ||
	    setuid(identity->uid) != 0) {
		snprintf(error, size, "cannot become user '%s': %s", identity->name,
			 strerror(errno));
		return false;
	}
	if (setuid(0) == 0) {
		snprintf(error, size, "privileges could not be given up");
		return false;
	}
	return true;
}

static bool fork_and_leave(void)
{
	pid_t pid = fork();

	if (pid > 0)
		_exit(0);
	return pid == 0;
}

bool daemon_detach(void)
{
	int fd;

	fflush(stdout);
	fflush(stderr);
	/* The second fork makes a process that leads no session, so it never gets a terminal. */
	if (!fork_and_leave() || setsid() < 0 || !fork_and_leave())
		return false;
	fd = open("/dev/null", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return false;
	dup2(fd, STDIN_FILENO);
	dup2(fd, STDOUT_FILENO);
	dup2(fd, STDERR_FILENO);
	if (fd > STDERR_FILENO)
		close(fd);
	return true;
}

/* The number in a pidfile, 0 if it holds none; -1 with errno if it cannot be read. */
static long pidfile_read(const char *path)
{
	char text[32] = "";
	FILE *file = fopen(path, "re");
	long pid;

	if (file == NULL)
		return -1;
	if (fgets(text, sizeof(text), file) == NULL)
		text[0] = '\0';
	fclose(file);
	pid = strtol(text, NULL, 10);
	return pid > 0 ? pid : 0;
}

bool pidfile_check(const char *path, pid_t old, char *error, size_t size)
{
	long pid;

	if (path[0] == '\0')
		return true;
	pid = pidfile_read(path);
	if (pid < 0) {
		if (errno == ENOENT)
			return true;
		snprintf(error, size, "cannot read pidfile \"%s\": %s", path, strerror(errno));
		return false;
	}
	if (pid > 0 && pid == (long)old)
		return true;
	if (pid > 0 && pid != (long)getpid() && (kill((pid_t)pid, 0) == 0 || errno == EPERM)) {
		snprintf(error, size, "pidfile \"%s\" exists, another instance running? (pid %ld)",
			 path, pid);
		return false;
	}
	log_warn(process, "stale pidfile \"%s\", removing", path);
	if (unlink(path) != 0 && errno != ENOENT) {
		snprintf(error, size, "cannot remove stale pidfile \"%s\": %s", path,
			 strerror(errno));
		return false;
	}
	return true;
}

/* A new file with our number; false with errno. */
static bool write_number(const char *path)
{
	int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	char text[32];
	ssize_t len = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
	bool written = fd >= 0 && write(fd, text, (size_t)len) == len;
	int saved = errno;

	if (fd >= 0)
		close(fd);
	errno = saved;
	return written;
}

bool pidfile_write(const char *path, pid_t old, char *error, size_t size)
{
	char beside[4096];
	bool written;
	int saved;

	if (path[0] == '\0')
		return true;
	if (old == 0) {
		written = write_number(path);
	} else {
		/* At no moment is there none, or one without a number. */
		snprintf(beside, sizeof(beside), "%s.%ld", path, (long)getpid());
		written = write_number(beside) && rename(beside, path) == 0;
	}
	saved = errno;
	if (!written && old != 0)
		unlink(beside);
	if (!written)
		snprintf(error, size, "cannot write pidfile \"%s\": %s", path, strerror(saved));
	return written;
}

void pidfile_remove(const char *path)
{
	if (path[0] != '\0' && pidfile_read(path) == (long)getpid())
		unlink(path);
}

static long database_servers(const struct config *config, const struct config_database *database)
{
	long size = database->settings.default_pool_size;
	unsigned i;

	size += database->settings.reserve_pool_size;
	if (database->cluster != NULL)
		size *= (long)database->cluster->host_count;
	if (database->settings.max_db_connections > 0 &&
	    size > database->settings.max_db_connections)
		size = database->settings.max_db_connections;
	/* Each user has a pool; how many there will be is not known, those with an entry are. */
	if (database->user[0] == '\0')
		for (i = 1; i < config->user_count; i++)
			size += config->users[i].settings.default_pool_size;
	return size;
}

/* What may be open at a time when every limit of the configuration is used up. */
static long expected_files(const struct config *config)
{
	long files = FILES_BESIDES + config->settings.max_client_conn;
	unsigned i;

	for (i = 0; i < config->database_count; i++)
		files += database_servers(config, &config->databases[i]);
	for (i = 0; i < config->cluster_count; i++)
		files += (long)config->clusters[i].host_count;
	return files;
}

/* As high as wanted, if that is allowed; false if there is no limit to be had. */
static bool raise_to(long wanted, struct rlimit *limit)
{
	struct rlimit higher;

	if (getrlimit(RLIMIT_NOFILE, limit) != 0)
		return false;
	if (limit->rlim_cur >= limit->rlim_max || (long)limit->rlim_cur >= wanted)
		return true;
	higher = *limit;
	higher.rlim_cur = limit->rlim_max;
	if (limit->rlim_max == RLIM_INFINITY || (rlim_t)wanted < limit->rlim_max)
		higher.rlim_cur = (rlim_t)wanted;
	if (setrlimit(RLIMIT_NOFILE, &higher) == 0)
		*limit = higher;
	return true;
}

static void warn_if_low(const struct rlimit *limit, long wanted)
{
	if (limit->rlim_cur != RLIM_INFINITY && (long)limit->rlim_cur < wanted)
		log_warn(process,
			 "the limit of open files (%ld) is lower than what the settings allow to "
			 "be used (%ld): raise it (ulimit -n, LimitNOFILE=) or lower "
			 "max_client_conn",
			 (long)limit->rlim_cur, wanted);
}

void limits_raise(const struct config *config)
{
	long wanted = expected_files(config);
	struct rlimit limit;

	if (!raise_to(wanted, &limit))
		return;
	log_info(process,
		 "kernel file descriptor limit: %ld (hard: %ld); max_client_conn: %d, max expected "
		 "fd use: %ld",
		 (long)limit.rlim_cur, (long)limit.rlim_max, config->settings.max_client_conn,
		 wanted);
	warn_if_low(&limit, wanted);
}

void limits_check(const struct config *config)
{
	long wanted = expected_files(config);
	struct rlimit limit;

	if (raise_to(wanted, &limit))
		warn_if_low(&limit, wanted);
}
