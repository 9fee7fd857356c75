/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_BASE_LOG_H
#define PGWEIR_BASE_LOG_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>

enum log_level {
	LOG_LEVEL_FATAL,
	LOG_LEVEL_ERROR,
	LOG_LEVEL_WARNING,
	LOG_LEVEL_INFO, /* printed as LOG */
	LOG_LEVEL_DEBUG,
	LOG_LEVEL_NOISE,
};

/*
 * What a line is about.  Embedded as `log` in the objects that log; `describe` writes kind, id
 * and names ("C-1042: app/alice@10.0.0.7:51514"), NUL-terminated, into a buffer.
 */
struct log_subject {
	void (*describe)(const struct log_subject *subject, char *buffer, size_t size);
};

/* The process itself, for lines about no connection, host or cluster. */
struct process {
	struct log_subject log;
};
extern const struct process *const process;

#define log_at(level, who, ...)                                                                    \
	do {                                                                                       \
		if (log_wants(level))                                                              \
			log_write(level, &(who)->log, __VA_ARGS__);                                \
	} while (0)
#define log_fatal(who, ...) log_at(LOG_LEVEL_FATAL, who, __VA_ARGS__)
#define log_error(who, ...) log_at(LOG_LEVEL_ERROR, who, __VA_ARGS__)
#define log_warn(who, ...) log_at(LOG_LEVEL_WARNING, who, __VA_ARGS__)
#define log_info(who, ...) log_at(LOG_LEVEL_INFO, who, __VA_ARGS__)
#define log_debug(who, ...) log_at(LOG_LEVEL_DEBUG, who, __VA_ARGS__)
#define log_noise(who, ...) log_at(LOG_LEVEL_NOISE, who, __VA_ARGS__)

bool log_wants(enum log_level level);

/* Writes one line: time, pid, level, subject, text.  Line breaks in the text become blanks. */
void log_write(enum log_level level, const struct log_subject *subject, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Where lines go. */
struct log_options {
	const char *file; /* NULL or "": none */
	bool to_stderr;
	bool to_syslog;
	const char *syslog_ident;
	const char *syslog_facility; /* auth authpriv daemon user local0 .. local7 */
	int verbose;		     /* 0 log, 1 debug, 2 and more noise */
};

/*
 * Opens (or reopens) the log; on failure the old one stays, an explanation goes to `error`
 * (size bytes) and false is returned.  The strings are copied.
 */
bool log_open(const struct log_options *options, char *error, size_t size);
void log_close(void);

#endif
