/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_CONF_SETTINGS_H
#define PGWEIR_CONF_SETTINGS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "base/clock.h"
#include "base/text.h"

struct spell;

/* The words of settings that take one of a list. */

enum auth_type {
	AUTH_TYPE_ANY,
	AUTH_TYPE_TRUST,
	AUTH_TYPE_PLAIN,
	AUTH_TYPE_MD5,
	AUTH_TYPE_SCRAM, /* scram-sha-256 */
	AUTH_TYPE_HBA,	 /* as the line of auth_hba_file says */
	AUTH_TYPE_LDAP,
	AUTH_TYPE_PAM,
};

enum pool_mode {
	POOL_MODE_SESSION,
	POOL_MODE_TRANSACTION,
	POOL_MODE_STATEMENT,
};

/* Where transactions of a database with a cluster go. */
enum routing {
	ROUTING_SPLIT, /* each by what it does */
	ROUTING_PRIMARY,
	ROUTING_REPLICA,
	ROUTING_PREFER_REPLICA,
	ROUTING_ANY,
};

enum read_consistency {
	READ_CONSISTENCY_SESSION,
	READ_CONSISTENCY_EVENTUAL,
};

enum replica_balance {
	REPLICA_BALANCE_LEAST_CONNECTIONS,
};

/* What a read does when no replica fits. */
enum no_replica {
	NO_REPLICA_PRIMARY,
	NO_REPLICA_WAIT,
	NO_REPLICA_ERROR,
};

enum tls_mode {
	TLS_MODE_DISABLE,
	TLS_MODE_ALLOW,
	TLS_MODE_PREFER,
};

enum io_batch {
	IO_BATCH_AUTO,
	IO_BATCH_OFF,
};

enum load_balance_hosts {
	LOAD_BALANCE_ROUND_ROBIN,
	LOAD_BALANCE_DISABLE, /* stay on a host until a connect fails */
};

/* TLS with clients or with servers, which have no parameters of the key exchange. */
struct tls_settings {
	enum tls_mode sslmode;
	const char *ca_file;
	const char *cert_file;
	const char *key_file;
	const char *protocols;
	const char *ciphers;
	const char *tls13_ciphers;
	const char *dheparams;
	const char *ecdhcurve;
};

/*
 * One value a setting, named as in the file.  Times are in microseconds, sizes in bytes.  Strings
 * are never NULL ("" is unset) and live as long as the struct config they came from.  For limits
 * and timeouts 0 means none, except where the manual text in the table says otherwise.
 */
struct settings {
	/* listening and process */
	const char *job_name;
	const char *listen_addr; /* comma list; * is all; "" no TCP */
	int listen_port;
	int listen_backlog;
	const char *unix_socket_dir; /* "" no Unix socket; @name abstract */
	int unix_socket_mode;
	const char *unix_socket_group;
	const char *user;
	const char *pidfile;
	bool so_reuseport;
	int peer_id; /* 0: no peers */
	enum io_batch io_batch;
	const char *conffile; /* what the next reload reads; "" the same again */

	/* log */
	const char *logfile;
	bool syslog;
	const char *syslog_ident;
	const char *syslog_facility;
	int verbose;
	bool log_connections;
	bool log_disconnections;
	bool log_pooler_errors;
	bool log_stats;
	usec_t stats_period;
	usec_t suspend_timeout;

	/* who may log in */
	const char *admin_users; /* comma lists */
	const char *stats_users;
	enum auth_type auth_type;
	const char *auth_file;
	const char *auth_hba_file;
	const char *auth_ident_file;
	const char *auth_ldap_options;
	const char *auth_user; /* "": no auth_query is run */
	const char *auth_query;
	const char *auth_dbname; /* "": the client's database */
	int scram_iterations;
	struct tls_settings client_tls;
	struct tls_settings server_tls;

	/* pools */
	enum pool_mode pool_mode;
	int default_pool_size; /* pool_size in [databases] and [users] */
	int min_pool_size;
	int reserve_pool_size;
	usec_t reserve_pool_timeout;
	usec_t autodb_idle_timeout;
	usec_t pool_idle_timeout;
	int max_client_conn;
	size_t max_client_statement_memory; /* 0: any */
	int max_db_connections;
	int max_user_connections;
	int max_db_client_connections;
	int max_user_client_connections;

	/* servers */
	const char *server_reset_query;
	bool server_reset_query_always;
	bool server_fast_close;
	usec_t server_idle_timeout;
	usec_t server_lifetime; /* 0: one use */
	usec_t server_connect_timeout;
	usec_t server_login_retry;
	usec_t server_check_delay;	/* 0: always check */
	const char *server_check_query; /* "<empty>": an empty query; "": no check */
	bool server_round_robin;

	/* clients */
	usec_t query_timeout;
	usec_t query_wait_timeout;
	usec_t query_wait_notify;
	usec_t client_idle_timeout;
	usec_t client_login_timeout;
	usec_t idle_transaction_timeout;
	usec_t transaction_timeout;
	usec_t cancel_wait_timeout;
	const char *ignore_startup_parameters; /* comma list */
	bool track_session;
	const char *track_extra_parameters; /* comma list */
	const char *login_notify_message;
	bool application_name_add_host;

	/* protocol and network */
	size_t max_statement_memory; /* 0: any */
	int max_prepared_statements; /* 0: off */
	size_t max_packet_size;
	bool disable_pqexec;
	size_t high_water;
	bool tcp_keepalive;
	int tcp_keepcnt;
	int tcp_keepidle;     /* seconds */
	int tcp_keepintvl;    /* seconds */
	int tcp_user_timeout; /* milliseconds */
	int tcp_socket_buffer;
	bool tcp_defer_accept;
	usec_t dns_max_ttl;
	usec_t dns_nxdomain_ttl;
	usec_t dns_zone_check_period;
	const char *resolv_conf;
	const char *service_name;
	size_t pkt_buf;
	int sbuf_loopcnt; /* 0: no limit */

	/* clusters and splitting */
	enum routing route; /* effective values: ROUTING_PRIMARY for a database without a cluster */
	usec_t max_replica_lag;
	enum read_consistency read_consistency;
	enum replica_balance replica_balance;
	enum no_replica no_replica;
	bool lazy_begin; /* effective values: false for a database without a cluster */
	size_t route_buffer;
	usec_t monitor_interval;
	usec_t monitor_timeout;
	int monitor_fall;
	int monitor_rise;
};

enum setting_type {
	KEY_INT,    /* int; C notation: 0777 is octal, 0x10 hexadecimal */
	KEY_OCTAL,  /* int; the same, shown as octal in the manual */
	KEY_BOOL,   /* bool; 0 or 1 */
	KEY_TIME,   /* usec_t; plain numbers are seconds, also 0.5; us ms s min h d */
	KEY_SIZE,   /* size_t; plain numbers are bytes; B kB MB GB */
	KEY_STRING, /* const char * */
	KEY_WORD,   /* an enum; one of a list */
	KEY_SECRET, /* a string that is never shown */
};

/* Where a setting may stand. */
enum setting_where {
	IN_GLOBAL = 1 << 0,
	IN_DATABASE = 1 << 1,
	IN_USER = 1 << 2,
	IN_CLUSTER = 1 << 3,
	IN_HOST = 1 << 4,
	/* There 0 means that it is not set, as in PgBouncer. */
	DATABASE_ZERO_INHERITS = 1 << 5,
	USER_ZERO_INHERITS = 1 << 6,
	IN_PEER = 1 << 7,
};

/* What a change applies to. */
enum setting_applies {
	LIVE,		 /* everything, at once */
	NEW_CONNECTIONS, /* connections made after it */
	RECONNECT,	 /* servers are closed once they are free */
	RESTART,	 /* the next process */
};

/*
 * A word and the value of the enum, or WORD_REFUSED: known, but this version has it not yet; or
 * WORD_NOT_BUILT: the library that it needs was not there when this was built.
 */
struct setting_word {
	const char *word; /* NULL ends a list */
	int value;
};
#define WORD_REFUSED (-1)
#define WORD_NOT_BUILT (-2)

/* A row of the table: all that is known of a setting. */
struct setting {
	const char *name;
	enum setting_type type;
	size_t offset; /* of the field */
	const char *
		standard; /* the default as in a file; NULL: none (a word: another row's synonym) */
	const char *min;  /* NULL: no bound */
	const char *max;
	const struct setting_word *words; /* of KEY_WORD, and of strings with a list; or NULL */
	unsigned where;
	enum setting_applies applies;
	const char *manual;
};

/* Rows in alphabetical order, as SHOW CONFIG lists them. */
unsigned settings_count(void);
const struct setting *settings_row(unsigned i);

/*
 * The row that a key means in this place, by name or by alias (pool_size, reserve_pool).  NULL if
 * there is none: then `why`, if not NULL, gets the text for the user, with the nearest name.
 */
const struct setting *settings_find(const char *key, enum setting_where where, struct text *why);

/*
 * The text for a key that means no row in this place.  `near` was made for the key and may have
 * been offered names that only the caller knows.
 */
void settings_explain(const char *key, enum setting_where where, struct spell *near,
		      struct text *why);

/* The place of a row in the table. */
unsigned settings_index(const struct setting *row);

/* All fields at their defaults. */
void settings_init(struct settings *settings);

/*
 * The value as SHOW CONFIG prints it (plain numbers: seconds, bytes).  False if it is NULL there;
 * `out` is then unchanged.
 */
bool setting_show(const struct setting *row, const struct settings *settings, struct text *out);

/* The same for the default. */
bool setting_show_default(const struct setting *row, struct text *out);

/* Whether SHOW CONFIG calls it changeable (by SET and RELOAD). */
bool setting_is_changeable(const struct setting *row);

/* The manual's table of all settings, in Markdown (doc/settings.md, --help-config). */
void settings_print_manual(FILE *out);

#endif
