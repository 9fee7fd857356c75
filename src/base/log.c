/* SPDX-License-Identifier: ISC */
/* One line an event, the object first, in the form of PgBouncer's log. */
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <syslog.h>
#include <time.h>
#include <unistd.h>

#include "base/mem.h"

#define LINE_BYTES 2048

static struct {
	int fd; /* of the log file, -1: none */
	bool to_stderr;
	bool to_syslog;
	char *ident; /* syslog keeps the pointer */
	int verbose;
	enum { JOURNAL_UNKNOWN, JOURNAL_NO, JOURNAL_YES } journal; /* is stderr the journal's? */
} sink = { .fd = -1, .to_stderr = true };

static const struct level {
	const char *name;
	int priority;
} levels[] = {
	[LOG_LEVEL_FATAL] = { "FATAL", LOG_CRIT },
	[LOG_LEVEL_ERROR] = { "ERROR", LOG_ERR },
	[LOG_LEVEL_WARNING] = { "WARNING", LOG_WARNING },
	[LOG_LEVEL_INFO] = { "LOG", LOG_INFO },
	[LOG_LEVEL_DEBUG] = { "DEBUG", LOG_DEBUG },
	[LOG_LEVEL_NOISE] = { "NOISE", LOG_DEBUG },
};

static const struct facility {
	const char *name;
	int code;
} facilities[] = {
	{ "auth", LOG_AUTH },	  { "authpriv", LOG_AUTHPRIV }, { "daemon", LOG_DAEMON },
	{ "user", LOG_USER },	  { "local0", LOG_LOCAL0 },	{ "local1", LOG_LOCAL1 },
	{ "local2", LOG_LOCAL2 }, { "local3", LOG_LOCAL3 },	{ "local4", LOG_LOCAL4 },
	{ "local5", LOG_LOCAL5 }, { "local6", LOG_LOCAL6 },	{ "local7", LOG_LOCAL7 },
};

static void describe_process(const struct log_subject *subject, char *buffer, size_t size)
{
	(void)subject;
	snprintf(buffer, size, "%s", "");
}

static const struct process self = { { describe_process } };
const struct process *const process = &self;

bool log_wants(enum log_level level)
{
	return (int)level <= (int)LOG_LEVEL_INFO + sink.verbose;
}

static int stamp(char *line, size_t size)
{
	struct timespec ts;
	struct tm tm;
	char zone[16];
	char date[32];

	clock_gettime(CLOCK_REALTIME, &ts);
	localtime_r(&ts.tv_sec, &tm);
	strftime(date, sizeof(date), "%Y-%m-%d %H:%M:%S", &tm);
	strftime(zone, sizeof(zone), "%Z", &tm);
	return snprintf(line, size, "%s.%03ld %s [%d] ", date, ts.tv_nsec / 1000000, zone,
			(int)getpid());
}

static void write_line(int fd, const char *line, size_t len)
{
	while (len > 0) {
		ssize_t n = write(fd, line, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return; /* nowhere to complain */
		line += n;
		len -= (size_t)n;
	}
}

/* Whether stderr is the journal's, which stamps lines itself and takes their priority in front. */
static bool stderr_is_journal(void)
{
	const char *stream = getenv("JOURNAL_STREAM");
	unsigned long long device, inode;
	struct stat file;

	return stream != NULL && sscanf(stream, "%llu:%llu", &device, &inode) == 2 &&
	       fstat(STDERR_FILENO, &file) == 0 && file.st_dev == device && file.st_ino == inode;
}

static void write_stderr(enum log_level level, char *line, size_t len, size_t stamped)
{
	char priority[8];
	int n;

	if (sink.journal == JOURNAL_UNKNOWN)
		sink.journal = stderr_is_journal() ? JOURNAL_YES : JOURNAL_NO;
	if (sink.journal == JOURNAL_YES) {
		/* In place of the stamp, which is longer. */
		n = snprintf(priority, sizeof(priority), "<%d>", levels[level].priority);
		line += stamped - (size_t)n;
		len -= stamped - (size_t)n;
		memcpy(line, priority, (size_t)n);
	}
	write_line(STDERR_FILENO, line, len);
}

void log_write(enum log_level level, const struct log_subject *subject, const char *fmt, ...)
{
	char line[LINE_BYTES];
	char who[256];
	size_t at, stamped, body;
	va_list ap;
	int n, saved = errno;

	at = stamped = (size_t)stamp(line, sizeof(line));
	subject->describe(subject, who, sizeof(who));
	at += (size_t)snprintf(line + at, sizeof(line) - at, "%s ", levels[level].name);
	body = at;
	at += (size_t)snprintf(line + at, sizeof(line) - at, "%s%s", who,
			       who[0] != '\0' ? " " : "");
	va_start(ap, fmt);
	n = vsnprintf(line + at, sizeof(line) - at - 1, fmt, ap);
	va_end(ap);
	if (n > 0)
		at += (size_t)n < sizeof(line) - at - 1 ? (size_t)n : sizeof(line) - at - 2;
	for (size_t i = body; i < at; i++)
		if ((unsigned char)line[i] < ' ' || line[i] == 0x7f)
			line[i] = ' ';
	line[at] = '\0';
	if (sink.to_syslog)
		syslog(levels[level].priority, "%s", line + body);
	line[at++] = '\n';
	if (sink.fd >= 0)
		write_line(sink.fd, line, at);
	if (sink.to_stderr)
		write_stderr(level, line, at, stamped);
	errno = saved;
}

static int facility_code(const char *name)
{
	for (size_t i = 0; i < sizeof(facilities) / sizeof(facilities[0]); i++)
		if (name != NULL && strcasecmp(name, facilities[i].name) == 0)
			return facilities[i].code;
	return LOG_DAEMON;
}

bool log_open(const struct log_options *options, char *error, size_t size)
{
	int fd = -1;

	if (options->file != NULL && options->file[0] != '\0') {
		/* A pipe that nobody reads is an error, not something to wait for. */
		fd = open(options->file, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NONBLOCK,
			  0644);
		if (fd < 0 || fcntl(fd, F_SETFL, O_APPEND) != 0) {
			snprintf(error, size, "cannot open logfile \"%s\": %s", options->file,
				 strerror(errno));
			return false;
		}
	}
	log_close();
	sink.fd = fd;
	sink.to_stderr = options->to_stderr;
	sink.to_syslog = options->to_syslog;
	sink.verbose = options->verbose;
	if (sink.to_syslog) {
		sink.ident = mem_string(options->syslog_ident != NULL ? options->syslog_ident
								      : "pgweir");
		openlog(sink.ident, LOG_PID, facility_code(options->syslog_facility));
	}
	return true;
}

void log_close(void)
{
	if (sink.fd >= 0)
		close(sink.fd);
	sink.fd = -1;
	if (sink.to_syslog)
		closelog();
	sink.to_syslog = false;
	free(sink.ident);
	sink.ident = NULL;
	sink.to_stderr = true;
}
