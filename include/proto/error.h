/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_PROTO_ERROR_H
#define PGWEIR_PROTO_ERROR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* SQLSTATEs that we send or look at (PostgreSQL manual, appendix A). */
#define SQLSTATE_CONNECTION_EXCEPTION "08000"
#define SQLSTATE_CANNOT_CONNECT "08001"
#define SQLSTATE_CONNECTION_FAILURE "08006"
#define SQLSTATE_TX_RESOLUTION_UNKNOWN "08007"
#define SQLSTATE_PROTOCOL_VIOLATION "08P01"
#define SQLSTATE_FEATURE_NOT_SUPPORTED "0A000"
#define SQLSTATE_INVALID_PARAMETER "22023"
#define SQLSTATE_OUT_OF_RANGE "22003"
#define SQLSTATE_ACTIVE_TX "25001"
#define SQLSTATE_READ_ONLY_TX "25006"
#define SQLSTATE_NO_ACTIVE_TX "25P01"
#define SQLSTATE_IN_FAILED_TX "25P02"
#define SQLSTATE_IDLE_IN_TX_TIMEOUT "25P03"
#define SQLSTATE_TX_TIMEOUT "25P04"
#define SQLSTATE_UNDEFINED_PSTATEMENT "26000"
#define SQLSTATE_INVALID_AUTHORIZATION "28000"
#define SQLSTATE_INVALID_PASSWORD "28P01"
#define SQLSTATE_INVALID_CURSOR_NAME "34000"
#define SQLSTATE_UNDEFINED_DATABASE "3D000"
#define SQLSTATE_SERIALIZATION "40001"
#define SQLSTATE_STATEMENT_COMPLETION_UNKNOWN "40003"
#define SQLSTATE_DEADLOCK "40P01"
#define SQLSTATE_INSUFFICIENT_PRIVILEGE "42501"
#define SQLSTATE_SYNTAX_ERROR "42601"
#define SQLSTATE_UNDEFINED_OBJECT "42704"
#define SQLSTATE_DUPLICATE_PSTATEMENT "42P05"
#define SQLSTATE_OUT_OF_MEMORY "53200"
#define SQLSTATE_TOO_MANY_CONNECTIONS "53300"
#define SQLSTATE_CONFIGURATION_LIMIT "53400"
#define SQLSTATE_PROGRAM_LIMIT "54000"
#define SQLSTATE_NOT_IN_PREREQUISITE_STATE "55000"
#define SQLSTATE_QUERY_CANCELED "57014"
#define SQLSTATE_ADMIN_SHUTDOWN "57P01"
#define SQLSTATE_CRASH_SHUTDOWN "57P02"
#define SQLSTATE_CANNOT_CONNECT_NOW "57P03"
#define SQLSTATE_DATABASE_DROPPED "57P04"
#define SQLSTATE_IDLE_SESSION_TIMEOUT "57P05"
#define SQLSTATE_CONFIG_FILE_ERROR "F0000"
#define SQLSTATE_INTERNAL_ERROR "XX000"

/*
 * The fields of an ErrorResponse or NoticeResponse, in place.  Absent ones are ""; severity is
 * the untranslated V if it is there, else S.
 */
struct error_fields {
	const char *severity;
	const char *sqlstate; /* "" or exactly 5 characters */
	const char *message;
	const char *detail;
	const char *hint;
	const char *routine; /* of PostgreSQL's source; not translated */
};

/* Reads a body; false if it is malformed (no terminator, a field cut off, bad SQLSTATE). */
bool error_read(const uint8_t *body, size_t len, struct error_fields *fields);

/* Whether the error has this SQLSTATE; whether it is of a class (its first two characters). */
bool error_is(const struct error_fields *fields, const char *sqlstate);
bool error_is_class(const struct error_fields *fields, const char *class);

/* Whether the sender closes the connection after it (FATAL, PANIC). */
bool error_is_fatal(const struct error_fields *fields);

#endif
