/* SPDX-License-Identifier: ISC */
/*
 * The table of settings.  A new setting is a field in struct settings and a row here: the reader,
 * the entries' options, SHOW CONFIG, SET, RELOAD and the manual come from the rows.
 */
#include "conf/settings.h"

#include <string.h>

#include "conf/spell.h"
#include "conf/value.h"

#define FIELD(name) offsetof(struct settings, name)

#define GLOBAL IN_GLOBAL
#define DATABASE (IN_GLOBAL | IN_DATABASE)
#define USER (IN_GLOBAL | IN_USER)
#define BOTH (IN_GLOBAL | IN_DATABASE | IN_USER)
#define CLUSTER (IN_GLOBAL | IN_CLUSTER)
#define ANYWHERE (IN_GLOBAL | IN_CLUSTER | IN_DATABASE | IN_USER)
#define SPLIT (IN_GLOBAL | IN_CLUSTER | IN_DATABASE)

static const struct setting_word auth_types[] = {
	{ "any", AUTH_TYPE_ANY },
	{ "trust", AUTH_TYPE_TRUST },
	{ "plain", AUTH_TYPE_PLAIN },
	{ "md5", AUTH_TYPE_MD5 },
	{ "scram-sha-256", AUTH_TYPE_SCRAM },
	{ "cert", WORD_REFUSED },
	{ "hba", AUTH_TYPE_HBA },
#ifdef HAVE_PAM
	{ "pam", AUTH_TYPE_PAM },
#else
	{ "pam", WORD_NOT_BUILT },
#endif
#ifdef HAVE_LDAP
	{ "ldap", AUTH_TYPE_LDAP },
#else
	{ "ldap", WORD_NOT_BUILT },
#endif
	{ NULL, 0 },
};

static const struct setting_word pool_modes[] = {
	{ "session", POOL_MODE_SESSION },
	{ "transaction", POOL_MODE_TRANSACTION },
	{ "statement", POOL_MODE_STATEMENT },
	{ NULL, 0 },
};

static const struct setting_word routes[] = {
	{ "split", ROUTING_SPLIT },	{ "primary", ROUTING_PRIMARY },
	{ "replica", ROUTING_REPLICA }, { "prefer-replica", ROUTING_PREFER_REPLICA },
	{ "any", ROUTING_ANY },		{ NULL, 0 },
};

/* libpq's words; the first one of a value is the one shown. */
static const struct setting_word session_attrs[] = {
	{ "any", ROUTING_ANY },
	{ "read-write", ROUTING_PRIMARY },
	{ "read-only", ROUTING_REPLICA },
	{ "primary", ROUTING_PRIMARY },
	{ "standby", ROUTING_REPLICA },
	{ "prefer-standby", ROUTING_PREFER_REPLICA },
	{ NULL, 0 },
};

static const struct setting_word consistencies[] = {
	{ "session", READ_CONSISTENCY_SESSION },
	{ "eventual", READ_CONSISTENCY_EVENTUAL },
	{ "shared", WORD_REFUSED },
	{ "strong", WORD_REFUSED },
	{ NULL, 0 },
};

static const struct setting_word balances[] = {
	{ "least-connections", REPLICA_BALANCE_LEAST_CONNECTIONS },
	{ "round-robin", WORD_REFUSED },
	{ "random", WORD_REFUSED },
	{ NULL, 0 },
};

static const struct setting_word no_replicas[] = {
	{ "primary", NO_REPLICA_PRIMARY },
	{ "wait", NO_REPLICA_WAIT },
	{ "error", NO_REPLICA_ERROR },
	{ NULL, 0 },
};

/* What asks for TLS if it can be had runs in plain, with a warning; what demands it is refused. */
static const struct setting_word tls_modes[] = {
	{ "disable", TLS_MODE_DISABLE },
	{ "allow", TLS_MODE_ALLOW },
	{ "prefer", TLS_MODE_PREFER },
	{ "require", WORD_REFUSED },
	{ "verify-ca", WORD_REFUSED },
	{ "verify-full", WORD_REFUSED },
	{ NULL, 0 },
};

static const struct setting_word facilities[] = {
	{ "auth", 0 },	 { "authpriv", 0 }, { "daemon", 0 }, { "user", 0 },   { "local0", 0 },
	{ "local1", 0 }, { "local2", 0 },   { "local3", 0 }, { "local4", 0 }, { "local5", 0 },
	{ "local6", 0 }, { "local7", 0 },   { NULL, 0 },
};

static const struct setting_word batches[] = {
	{ "auto", IO_BATCH_AUTO },
	{ "off", IO_BATCH_OFF },
	{ NULL, 0 },
};

/* clang-format off */
static const struct setting rows[] = {
{ "admin_users", KEY_STRING, FIELD(admin_users), "", NULL, NULL, NULL, GLOBAL, LIVE,
  "Users, separated by commas, who may use all commands of the console." },
{ "application_name_add_host", KEY_BOOL, FIELD(application_name_add_host), "0", NULL, NULL, NULL,
  GLOBAL, NEW_CONNECTIONS, "Add the client's host and port to its application_name at login." },
{ "auth_dbname", KEY_STRING, FIELD(auth_dbname), NULL, NULL, NULL, NULL, DATABASE, NEW_CONNECTIONS,
  "Database whose servers run auth_query; unset is the one that the client asks for." },
{ "auth_file", KEY_STRING, FIELD(auth_file), NULL, NULL, NULL, NULL, GLOBAL, LIVE,
  "File with the names and secrets of users, a line each: `\"name\" \"secret\"`." },
{ "auth_hba_file", KEY_STRING, FIELD(auth_hba_file), "", NULL, NULL, NULL, GLOBAL, LIVE,
  "For `auth_type = hba`: file whose lines say who must prove what, as PostgreSQL's pg_hba.conf." },
{ "auth_ident_file", KEY_STRING, FIELD(auth_ident_file), NULL, NULL, NULL, NULL, GLOBAL, LIVE,
  "File with the maps that `map=` in auth_hba_file names, as PostgreSQL's pg_ident.conf." },
{ "auth_ldap_options", KEY_SECRET, FIELD(auth_ldap_options), NULL, NULL, NULL, NULL, GLOBAL,
  NEW_CONNECTIONS, "For `auth_type = ldap`: how the directory is asked, as options of an HBA line." },
{ "auth_query", KEY_STRING, FIELD(auth_query),
  "SELECT rolname, CASE WHEN rolvaliduntil < now() THEN NULL ELSE rolpassword END "
  "FROM pg_authid WHERE rolname=$1 AND rolcanlogin", NULL, NULL, NULL, DATABASE, NEW_CONNECTIONS,
  "Asks a server for the name and the secret of a user that auth_file has not; `$1` is the user." },
{ "auth_type", KEY_WORD, FIELD(auth_type), "md5", NULL, NULL, auth_types, GLOBAL, NEW_CONNECTIONS,
  "How clients prove who they are; `md5` also does SCRAM when the secret is a SCRAM secret." },
{ "auth_user", KEY_STRING, FIELD(auth_user), NULL, NULL, NULL, NULL, DATABASE, NEW_CONNECTIONS,
  "User that runs auth_query, with its secret in auth_file; unset is no auth_query." },
{ "autodb_idle_timeout", KEY_TIME, FIELD(autodb_idle_timeout), "1h", "0", NULL, NULL, GLOBAL, LIVE,
  "A database made from `*` that nobody used for this long is dropped, with its pools; 0 is never. "
  "One made by auth_query for a login that failed goes after server_login_retry." },
{ "cancel_wait_timeout", KEY_TIME, FIELD(cancel_wait_timeout), "10s", "0", NULL, NULL, GLOBAL, LIVE,
  "A cancel request that could not be sent for this long is dropped; 0 is never." },
{ "client_idle_timeout", KEY_TIME, FIELD(client_idle_timeout), "0", "0", NULL, NULL, BOTH | USER_ZERO_INHERITS, LIVE,
  "Clients idle outside a transaction for longer are closed; 0 is never." },
{ "client_login_timeout", KEY_TIME, FIELD(client_login_timeout), "60s", "0", NULL, NULL, GLOBAL,
  LIVE, "Clients that have not logged in after this are closed; 0 is never." },
{ "client_tls13_ciphers", KEY_STRING, FIELD(client_tls.tls13_ciphers), NULL, NULL, NULL, NULL, GLOBAL,
  NEW_CONNECTIONS, "Cipher suites of TLS 1.3 with clients." },
{ "client_tls_ca_file", KEY_STRING, FIELD(client_tls.ca_file), "", NULL, NULL, NULL, GLOBAL,
  NEW_CONNECTIONS, "Certificates of authorities that vouch for clients." },
{ "client_tls_cert_file", KEY_STRING, FIELD(client_tls.cert_file), "", NULL, NULL, NULL, GLOBAL,
  NEW_CONNECTIONS, "Certificate that clients are shown." },
{ "client_tls_ciphers", KEY_STRING, FIELD(client_tls.ciphers), "default", NULL, NULL, NULL, GLOBAL,
  NEW_CONNECTIONS, "Ciphers of TLS 1.2 and before with clients." },
{ "client_tls_dheparams", KEY_STRING, FIELD(client_tls.dheparams), "auto", NULL, NULL, NULL, GLOBAL,
  NEW_CONNECTIONS, "Parameters of the DHE key exchange." },
{ "client_tls_ecdhcurve", KEY_STRING, FIELD(client_tls.ecdhcurve), "auto", NULL, NULL, NULL, GLOBAL,
  NEW_CONNECTIONS, "Curve of the ECDH key exchange." },
{ "client_tls_key_file", KEY_STRING, FIELD(client_tls.key_file), "", NULL, NULL, NULL, GLOBAL,
  NEW_CONNECTIONS, "Key of client_tls_cert_file." },
{ "client_tls_protocols", KEY_STRING, FIELD(client_tls.protocols), "secure", NULL, NULL, NULL, GLOBAL,
  NEW_CONNECTIONS, "Versions of TLS with clients." },
{ "client_tls_sslmode", KEY_WORD, FIELD(client_tls.sslmode), "disable", NULL, NULL, tls_modes,
  GLOBAL, NEW_CONNECTIONS,
  "TLS with clients. This version has none: `allow` and `prefer` are plain, with a warning." },
{ "conffile", KEY_STRING, FIELD(conffile), NULL, NULL, NULL, NULL, GLOBAL, LIVE,
  "The file that the next reload reads; the one of the command line unless said." },
{ "default_pool_size", KEY_INT, FIELD(default_pool_size), "20", "0", NULL, NULL, GLOBAL, LIVE,
  "Servers for one user and database, per host for a database with a cluster; 0 is without limit. "
  "Entries of databases and users say `pool_size`." },
{ "disable_pqexec", KEY_BOOL, FIELD(disable_pqexec), "0", NULL, NULL, NULL, GLOBAL, RESTART,
  "Refuse simple queries: only the extended protocol, in which a text is one statement." },
{ "dns_max_ttl", KEY_TIME, FIELD(dns_max_ttl), "15s", "0", NULL, NULL, GLOBAL, LIVE,
  "How long the addresses of a name are kept." },
{ "dns_nxdomain_ttl", KEY_TIME, FIELD(dns_nxdomain_ttl), "15s", "0", NULL, NULL, GLOBAL, LIVE,
  "How long it is remembered that a name has no address." },
{ "dns_zone_check_period", KEY_TIME, FIELD(dns_zone_check_period), "0", "0", NULL, NULL, GLOBAL, LIVE,
  "How often the serial numbers of DNS zones are looked at: names of a zone are asked for again "
  "when it changes; at most ten times a second. 0 is never." },
{ "high_water", KEY_SIZE, FIELD(high_water), "256kB", "16kB", "1GB", NULL, GLOBAL, LIVE,
  "Bytes queued for one connection at which its source is no longer read." },
{ "idle_transaction_timeout", KEY_TIME, FIELD(idle_transaction_timeout), "0", "0", NULL, NULL, BOTH | USER_ZERO_INHERITS,
  LIVE, "Clients idle inside a transaction for longer are closed; 0 is never." },
{ "ignore_startup_parameters", KEY_STRING, FIELD(ignore_startup_parameters), "", NULL, NULL, NULL,
  GLOBAL, NEW_CONNECTIONS,
  "Startup parameters, separated by commas, that clients may send and that are ignored; `options` "
  "ignores unknown ones inside options." },
{ "io_batch", KEY_WORD, FIELD(io_batch), "auto", NULL, NULL, batches, GLOBAL, RESTART,
  "Send what a turn of the loop has made with one io_uring call, where the kernel allows it." },
{ "job_name", KEY_STRING, FIELD(job_name), "pgweir", NULL, NULL, NULL, GLOBAL, RESTART,
  "What this process is called in the first line of its log." },
{ "lazy_begin", KEY_BOOL, FIELD(lazy_begin), "1", NULL, NULL, NULL, SPLIT, NEW_CONNECTIONS,
  "Answer BEGIN and send it with the first statement; only for databases with a cluster." },
{ "listen_addr", KEY_STRING, FIELD(listen_addr), "", NULL, NULL, NULL, GLOBAL, RESTART,
  "Addresses to listen on, separated by commas; `*` is all, empty is no TCP." },
{ "listen_backlog", KEY_INT, FIELD(listen_backlog), "128", "0", NULL, NULL, GLOBAL, RESTART,
  "Connections that the kernel keeps until they are accepted." },
{ "listen_port", KEY_INT, FIELD(listen_port), "6432", "1", "65535", NULL, GLOBAL, RESTART,
  "Port to listen on; it also names the Unix socket." },
{ "log_connections", KEY_BOOL, FIELD(log_connections), "1", NULL, NULL, NULL, GLOBAL, LIVE,
  "Log successful logins." },
{ "log_disconnections", KEY_BOOL, FIELD(log_disconnections), "1", NULL, NULL, NULL, GLOBAL, LIVE,
  "Log closed connections and why." },
{ "log_pooler_errors", KEY_BOOL, FIELD(log_pooler_errors), "1", NULL, NULL, NULL, GLOBAL, LIVE,
  "Log the errors that are sent to clients." },
{ "log_stats", KEY_BOOL, FIELD(log_stats), "1", NULL, NULL, NULL, GLOBAL, LIVE,
  "Log a line of statistics each stats_period." },
{ "logfile", KEY_STRING, FIELD(logfile), "", NULL, NULL, NULL, GLOBAL, LIVE,
  "File for the log; it is opened anew at a reload." },
{ "login_notify_message", KEY_STRING, FIELD(login_notify_message), "", NULL, NULL, NULL, GLOBAL,
  NEW_CONNECTIONS, "A notice for each client that has logged in." },
{ "max_client_conn", KEY_INT, FIELD(max_client_conn), "100", "0", NULL, NULL, GLOBAL, LIVE,
  "Clients at a time, with those that have not logged in yet; those of the console do not count. "
  "0 is without limit." },
{ "max_client_statement_memory", KEY_SIZE, FIELD(max_client_statement_memory), "64MB", "0", NULL,
  NULL, GLOBAL, LIVE,
  "What the named prepared statements of one client may take, names and texts; 0 is without limit." },
{ "max_db_client_connections", KEY_INT, FIELD(max_db_client_connections), "0", "0", NULL, NULL,
  DATABASE | DATABASE_ZERO_INHERITS, LIVE, "Clients of one database; 0 is without limit." },
{ "max_db_connections", KEY_INT, FIELD(max_db_connections), "0", "0", NULL, NULL,
  DATABASE | DATABASE_ZERO_INHERITS, LIVE,
  "Servers of one database, whoever the user; 0 is without limit." },
{ "max_packet_size", KEY_SIZE, FIELD(max_packet_size), "2147483647", "0", "2147483647", NULL,
  GLOBAL, LIVE, "The largest message that may pass." },
{ "max_prepared_statements", KEY_INT, FIELD(max_prepared_statements), "200", "0", NULL, NULL,
  GLOBAL, NEW_CONNECTIONS,
  "Named prepared statements kept on a server in transaction and statement pooling; 0 is none." },
{ "max_replica_lag", KEY_TIME, FIELD(max_replica_lag), "10s", "0", NULL, NULL, ANYWHERE, LIVE,
  "Replicas further behind than this get no reads; 0 is any lag." },
{ "max_statement_memory", KEY_SIZE, FIELD(max_statement_memory), "1GB", "0", NULL, NULL, GLOBAL,
  LIVE,
  "What the prepared statements of all clients and servers may take; 0 is without limit." },
{ "max_user_client_connections", KEY_INT, FIELD(max_user_client_connections), "0", "0", NULL, NULL,
  USER | USER_ZERO_INHERITS, LIVE, "Clients of one user; 0 is without limit." },
{ "max_user_connections", KEY_INT, FIELD(max_user_connections), "0", "0", NULL, NULL, USER | USER_ZERO_INHERITS, LIVE,
  "Servers of one user, whatever the database; 0 is without limit." },
{ "min_pool_size", KEY_INT, FIELD(min_pool_size), "0", "0", NULL, NULL, DATABASE, LIVE,
  "Servers kept open for each pool that has clients or a forced user." },
{ "monitor_fall", KEY_INT, FIELD(monitor_fall), "3", "1", "1000", NULL, CLUSTER, LIVE,
  "Failed probes in a row after which a host is down." },
{ "monitor_interval", KEY_TIME, FIELD(monitor_interval), "100ms", "10ms", "1h", NULL, CLUSTER, LIVE,
  "How often each host is asked for its role and position." },
{ "monitor_rise", KEY_INT, FIELD(monitor_rise), "1", "1", "1000", NULL, CLUSTER, LIVE,
  "Good probes in a row after which a host is up." },
{ "monitor_timeout", KEY_TIME, FIELD(monitor_timeout), "1s", "10ms", "1h", NULL, CLUSTER, LIVE,
  "A probe without an answer after this has failed." },
{ "no_replica", KEY_WORD, FIELD(no_replica), "primary", NULL, NULL, no_replicas, SPLIT, LIVE,
  "What a read does when no replica fits: go to the primary, wait, or fail." },
{ "peer_id", KEY_INT, FIELD(peer_id), "0", "0", "16383", NULL, GLOBAL, LIVE,
  "The number of this process among those that clients reach at one address; cancel requests for the "
  "others go to `[peers]`. 0 is alone." },
{ "pidfile", KEY_STRING, FIELD(pidfile), "", NULL, NULL, NULL, GLOBAL, RESTART,
  "File for the number of the process; -d needs it." },
{ "pkt_buf", KEY_SIZE, FIELD(pkt_buf), "16kB", "0", "2147483647", NULL, GLOBAL, RESTART,
  "How many bytes a socket is read at a time, at least 2 kB, at most 1 MB; one that fills it is read "
  "64 kB at a time." },
{ "pool_idle_timeout", KEY_TIME, FIELD(pool_idle_timeout), "0", "0", NULL, NULL, GLOBAL, LIVE,
  "A pool without clients and servers for this long is dropped, with its statistics; 0 is never." },
{ "pool_mode", KEY_WORD, FIELD(pool_mode), "session", NULL, NULL, pool_modes, BOTH, NEW_CONNECTIONS,
  "When a client gives its server back: at its end, or after each transaction or statement." },
{ "query_timeout", KEY_TIME, FIELD(query_timeout), "0", "0", NULL, NULL, BOTH | USER_ZERO_INHERITS, LIVE,
  "Queries that wait or run longer are ended, with their connections; a COPY into a table goes on "
  "while its data comes. 0 is never." },
{ "query_wait_notify", KEY_TIME, FIELD(query_wait_notify), "5s", "0", NULL, NULL, GLOBAL, LIVE,
  "A client that waited this long for a server gets a notice; 0 is none." },
{ "query_wait_timeout", KEY_TIME, FIELD(query_wait_timeout), "120s", "0", NULL, NULL, BOTH | USER_ZERO_INHERITS, LIVE,
  "Clients that waited this long for a server are closed; 0 is never." },
{ "read_consistency", KEY_WORD, FIELD(read_consistency), "session", NULL, NULL, consistencies,
  ANYWHERE, LIVE,
  "`session`: a client's reads see its own writes and never go back; `eventual`: only "
  "max_replica_lag bounds them." },
{ "replica_balance", KEY_WORD, FIELD(replica_balance), "least-connections", NULL, NULL, balances,
  SPLIT, LIVE, "How a replica is chosen among those that fit." },
{ "reserve_pool_size", KEY_INT, FIELD(reserve_pool_size), "0", "0", NULL, NULL, BOTH, LIVE,
  "Servers that a pool may add when a client waits for reserve_pool_timeout; 0 is none. "
  "`reserve_pool` in databases is the same." },
{ "reserve_pool_timeout", KEY_TIME, FIELD(reserve_pool_timeout), "5s", "0", NULL, NULL, GLOBAL,
  LIVE, "How long a client waits until the reserve is used; 0 is never." },
{ "resolv_conf", KEY_STRING, FIELD(resolv_conf), "", NULL, NULL, NULL, GLOBAL, RESTART,
  "File that names the DNS servers; the system's unless said." },
{ "route", KEY_WORD, FIELD(route), "split", NULL, NULL, routes, ANYWHERE, LIVE,
  "Where transactions of a database with a cluster go; `split` is each by what it does." },
{ "route_buffer", KEY_SIZE, FIELD(route_buffer), "64kB", "1kB", "64MB", NULL, GLOBAL, LIVE,
  "The largest request that is held to be routed or replayed; a larger one is a write." },
{ "sbuf_loopcnt", KEY_INT, FIELD(sbuf_loopcnt), "5", "0", NULL, NULL, GLOBAL, LIVE,
  "How many times a socket that fills its buffer is read before others have their turn; 0 is until "
  "it is empty." },
{ "scram_iterations", KEY_INT, FIELD(scram_iterations), "4096", "1", "10000000", NULL, GLOBAL,
  NEW_CONNECTIONS, "Iterations of SCRAM secrets that are made from plain passwords." },
{ "server_check_delay", KEY_TIME, FIELD(server_check_delay), "30s", "0", NULL, NULL, GLOBAL, LIVE,
  "Servers idle for longer are checked before use; 0 is always." },
{ "server_check_query", KEY_STRING, FIELD(server_check_query), "<empty>", NULL, NULL, NULL, GLOBAL,
  LIVE, "The query that checks a server; `<empty>` is an empty query, nothing is no check." },
{ "server_connect_timeout", KEY_TIME, FIELD(server_connect_timeout), "15s", "0", NULL, NULL, GLOBAL,
  LIVE, "Servers not logged in after this are given up; 0 is never." },
{ "server_fast_close", KEY_BOOL, FIELD(server_fast_close), "0", NULL, NULL, NULL, GLOBAL, LIVE,
  "In session pooling, close a server that is to be replaced, and its client, as soon as they are "
  "between transactions." },
{ "server_idle_timeout", KEY_TIME, FIELD(server_idle_timeout), "10min", "0", NULL, NULL, GLOBAL,
  LIVE, "Servers idle for longer are closed, down to min_pool_size; 0 is never." },
{ "server_lifetime", KEY_TIME, FIELD(server_lifetime), "1h", "0", NULL, NULL,
  DATABASE | DATABASE_ZERO_INHERITS, LIVE,
  "Servers older than this are closed once free; 0 is after one use." },
{ "server_login_retry", KEY_TIME, FIELD(server_login_retry), "15s", "0", NULL, NULL, GLOBAL, LIVE,
  "After a failed connect or login the host is left alone for this long, at least 50 ms." },
{ "server_reset_query", KEY_STRING, FIELD(server_reset_query), "DISCARD ALL", NULL, NULL, NULL,
  GLOBAL, LIVE, "Sent when a client gives its server back in session pooling; empty is none." },
{ "server_reset_query_always", KEY_BOOL, FIELD(server_reset_query_always), "0", NULL, NULL, NULL,
  GLOBAL, LIVE, "Send server_reset_query in all pool modes." },
{ "server_round_robin", KEY_BOOL, FIELD(server_round_robin), "0", NULL, NULL, NULL, GLOBAL, LIVE,
  "Use the server that was idle longest, not the one used last." },
{ "server_tls13_ciphers", KEY_STRING, FIELD(server_tls.tls13_ciphers), NULL, NULL, NULL, NULL, GLOBAL,
  NEW_CONNECTIONS, "Cipher suites of TLS 1.3 with servers." },
{ "server_tls_ca_file", KEY_STRING, FIELD(server_tls.ca_file), "", NULL, NULL, NULL, GLOBAL,
  NEW_CONNECTIONS, "Certificates of authorities that vouch for servers." },
{ "server_tls_cert_file", KEY_STRING, FIELD(server_tls.cert_file), "", NULL, NULL, NULL, GLOBAL,
  NEW_CONNECTIONS, "Certificate that servers are shown." },
{ "server_tls_ciphers", KEY_STRING, FIELD(server_tls.ciphers), "default", NULL, NULL, NULL, GLOBAL,
  NEW_CONNECTIONS, "Ciphers of TLS 1.2 and before with servers." },
{ "server_tls_key_file", KEY_STRING, FIELD(server_tls.key_file), "", NULL, NULL, NULL, GLOBAL,
  NEW_CONNECTIONS, "Key of server_tls_cert_file." },
{ "server_tls_protocols", KEY_STRING, FIELD(server_tls.protocols), "secure", NULL, NULL, NULL, GLOBAL,
  NEW_CONNECTIONS, "Versions of TLS with servers." },
{ "server_tls_sslmode", KEY_WORD, FIELD(server_tls.sslmode), "prefer", NULL, NULL, tls_modes,
  GLOBAL, NEW_CONNECTIONS,
  "TLS with servers. This version has none: `allow` and `prefer` are plain, with a warning." },
{ "service_name", KEY_STRING, FIELD(service_name), NULL, NULL, NULL, NULL, GLOBAL, RESTART,
  "The same as job_name, and goes before it." },
{ "so_reuseport", KEY_BOOL, FIELD(so_reuseport), "0", NULL, NULL, NULL, GLOBAL, RESTART,
  "Let several processes listen on the same port." },
{ "stats_period", KEY_TIME, FIELD(stats_period), "60s", "0", NULL, NULL, GLOBAL, LIVE,
  "The time over which averages are taken, at least 1 s." },
{ "stats_users", KEY_STRING, FIELD(stats_users), "", NULL, NULL, NULL, GLOBAL, LIVE,
  "Users, separated by commas, who may use SHOW on the console." },
{ "suspend_timeout", KEY_TIME, FIELD(suspend_timeout), "10s", "0", NULL, NULL, GLOBAL, LIVE,
  "SUSPEND closes connections that did not take what was queued for them after this; 0 is never." },
{ "syslog", KEY_BOOL, FIELD(syslog), "0", NULL, NULL, NULL, GLOBAL, LIVE, "Log to syslog." },
{ "syslog_facility", KEY_STRING, FIELD(syslog_facility), "daemon", NULL, NULL, facilities, GLOBAL,
  LIVE, "Facility of the lines in syslog." },
{ "syslog_ident", KEY_STRING, FIELD(syslog_ident), "pgweir", NULL, NULL, NULL, GLOBAL, LIVE,
  "Name of the program in syslog." },
{ "target_session_attrs", KEY_WORD, FIELD(route), NULL, NULL, NULL, session_attrs, ANYWHERE, LIVE,
  "`route` in libpq's words; of a plain entry, which of its hosts will do." },
{ "tcp_defer_accept", KEY_BOOL, FIELD(tcp_defer_accept), "1", NULL, NULL, NULL, GLOBAL, LIVE,
  "Accept connections only once they have sent something." },
{ "tcp_keepalive", KEY_BOOL, FIELD(tcp_keepalive), "1", NULL, NULL, NULL, GLOBAL, NEW_CONNECTIONS,
  "Let the kernel notice dead connections." },
{ "tcp_keepcnt", KEY_INT, FIELD(tcp_keepcnt), "0", "0", "127", NULL, GLOBAL, NEW_CONNECTIONS,
  "Lost keepalives until a connection is dead; 0 is the kernel's default." },
{ "tcp_keepidle", KEY_INT, FIELD(tcp_keepidle), "0", "0", "32767", NULL, GLOBAL, NEW_CONNECTIONS,
  "Seconds of silence until keepalives are sent; 0 is the kernel's default." },
{ "tcp_keepintvl", KEY_INT, FIELD(tcp_keepintvl), "0", "0", "32767", NULL, GLOBAL, NEW_CONNECTIONS,
  "Seconds between keepalives; 0 is the kernel's default." },
{ "tcp_socket_buffer", KEY_INT, FIELD(tcp_socket_buffer), "0", "0", NULL, NULL, GLOBAL,
  NEW_CONNECTIONS, "Bytes of the kernel's socket buffers; 0 is the kernel's default." },
{ "tcp_user_timeout", KEY_INT, FIELD(tcp_user_timeout), "0", "0", NULL, NULL, GLOBAL,
  NEW_CONNECTIONS,
  "Milliseconds that sent data may stay unacknowledged; 0 is the kernel's default." },
{ "track_extra_parameters", KEY_STRING, FIELD(track_extra_parameters), "IntervalStyle", NULL, NULL,
  NULL, GLOBAL, RESTART,
  "More parameters, separated by commas, that are kept per client; PostgreSQL must report them." },
{ "track_session", KEY_BOOL, FIELD(track_session), "0", NULL, NULL, NULL, BOTH, LIVE,
  "In transaction and statement pooling, let what a client SET follow it to its next server." },
{ "transaction_timeout", KEY_TIME, FIELD(transaction_timeout), "0", "0", NULL, NULL, BOTH | USER_ZERO_INHERITS, LIVE,
  "Transactions that run longer are ended, with their connections; 0 is never." },
{ "unix_socket_dir", KEY_STRING, FIELD(unix_socket_dir), "/tmp", NULL, NULL, NULL, GLOBAL, RESTART,
  "Folder of the Unix socket, also for servers without host; `@name` is abstract, empty is none." },
{ "unix_socket_group", KEY_STRING, FIELD(unix_socket_group), "", NULL, NULL, NULL, GLOBAL, RESTART,
  "Group of the Unix socket." },
{ "unix_socket_mode", KEY_OCTAL, FIELD(unix_socket_mode), "0777", "0", "0777", NULL, GLOBAL,
  RESTART, "Mode of the Unix socket." },
{ "user", KEY_STRING, FIELD(user), NULL, NULL, NULL, NULL, GLOBAL, RESTART,
  "Become this user when started as root." },
{ "verbose", KEY_INT, FIELD(verbose), NULL, "0", "3", NULL, GLOBAL, LIVE,
  "More in the log: 1 is debug, 2 and 3 are for developers." },
};
/* clang-format on */

#define ROW_COUNT (sizeof(rows) / sizeof(rows[0]))

/* Other names of a row in places where its own may not stand, or beside it. */
static const struct alias {
	const char *name;
	const char *row;
	unsigned where;
} aliases[] = {
	{ "pool_size", "default_pool_size", IN_DATABASE | IN_USER },
	{ "reserve_pool", "reserve_pool_size", IN_DATABASE },
};

/* What PgBouncer 1.25 has, or we had, and this version has not: nobody may think that it works. */
static const struct missing {
	const char *name;
	unsigned where;
} missing[] = {
	{ "zone", GLOBAL },
};

#define ALIAS_COUNT (sizeof(aliases) / sizeof(aliases[0]))
#define MISSING_COUNT (sizeof(missing) / sizeof(missing[0]))

static const struct setting *find_row(const char *key)
{
	size_t low = 0, high = ROW_COUNT;

	while (low < high) {
		size_t middle = (low + high) / 2;
		int order = strcmp(key, rows[middle].name);

		if (order == 0)
			return &rows[middle];
		if (order < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return NULL;
}

static const char *where_text(enum setting_where where)
{
	switch (where) {
	case IN_GLOBAL:
		return "[pgweir]";
	case IN_DATABASE:
		return "a database";
	case IN_USER:
		return "a user";
	case IN_CLUSTER:
		return "a cluster";
	case IN_HOST:
		return "a host";
	case IN_PEER:
		return "a peer";
	case DATABASE_ZERO_INHERITS:
	case USER_ZERO_INHERITS:
		break;
	}
	return "this place";
}

static void offer_names(struct spell *spell, enum setting_where where)
{
	size_t i;

	for (i = 0; i < ROW_COUNT; i++)
		if (rows[i].where & where)
			spell_try(spell, rows[i].name);
	for (i = 0; i < ALIAS_COUNT; i++)
		if (aliases[i].where & where)
			spell_try(spell, aliases[i].name);
}

/* A key that exists, only not here: say so, and what to write instead. */
static void explain_place(const struct setting *row, enum setting_where where, struct text *why)
{
	size_t i;

	text_printf(why, "%s cannot be set for %s", row->name, where_text(where));
	for (i = 0; i < ALIAS_COUNT; i++)
		if (strcmp(aliases[i].row, row->name) == 0 && aliases[i].where & where)
			text_printf(why, "; write %s", aliases[i].name);
}

void settings_explain(const char *key, enum setting_where where, struct spell *near,
		      struct text *why)
{
	const struct setting *row = find_row(key);
	size_t i;

	for (i = 0; i < MISSING_COUNT; i++) {
		if (strcmp(missing[i].name, key) == 0 && missing[i].where & where) {
			text_printf(why, "%s is not supported by this version of pgweir", key);
			return;
		}
	}
	if (row != NULL) {
		explain_place(row, where, why);
		return;
	}
	offer_names(near, where);
	text_printf(why, "unknown setting \"%.100s\" for %s", key, where_text(where));
	if (near->best != NULL)
		text_printf(why, "; the nearest known is %s", near->best);
}

const struct setting *settings_find(const char *key, enum setting_where where, struct text *why)
{
	const struct setting *row = find_row(key);
	struct spell near;
	size_t i;

	if (row != NULL && row->where & where)
		return row;
	for (i = 0; i < ALIAS_COUNT; i++)
		if (aliases[i].where & where && strcmp(aliases[i].name, key) == 0)
			return find_row(aliases[i].row);
	if (why != NULL) {
		spell_init(&near, key);
		settings_explain(key, where, &near, why);
	}
	return NULL;
}

unsigned settings_count(void)
{
	return ROW_COUNT;
}

const struct setting *settings_row(unsigned i)
{
	return i < ROW_COUNT ? &rows[i] : NULL;
}

unsigned settings_index(const struct setting *row)
{
	return (unsigned)(row - rows);
}

void settings_init(struct settings *settings)
{
	size_t i;

	memset(settings, 0, sizeof(*settings));
	for (i = 0; i < ROW_COUNT; i++)
		value_reset(&rows[i], settings);
}

bool setting_show(const struct setting *row, const struct settings *settings, struct text *out)
{
	return value_show(row, settings, out);
}

bool setting_show_default(const struct setting *row, struct text *out)
{
	struct settings defaults;

	if (row->standard == NULL)
		return false;
	if (row->type ==
	    KEY_OCTAL) { /* PgBouncer prints the value as a decimal number, this as written */
		text_add(out, row->standard);
		return true;
	}
	settings_init(&defaults);
	return value_show(row, &defaults, out);
}

bool setting_is_changeable(const struct setting *row)
{
	return row->applies != RESTART;
}
