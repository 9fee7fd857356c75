/* SPDX-License-Identifier: ISC */
/* Whole configurations: read, checked, merged, changed, compared. */
#include "conf/config.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "conf/diff.h"

#define HEAD "[pgweir]\nauth_type = trust\n"

static struct config_error error;

static struct config *load(const char *text)
{
	return config_load_text(text, strlen(text), &error);
}

static struct config *load_good(const char *text)
{
	struct config *config = load(text);

	ck_assert_msg(config != NULL, "line %u: %s", error.line, error.text);
	return config;
}

static void check_refused(const char *text, unsigned line, const char *part)
{
	struct config *config = load(text);

	ck_assert_msg(config == NULL, "taken: %s", text);
	ck_assert_msg(strstr(error.text, part) != NULL, "\"%s\" has no \"%s\"", error.text, part);
	ck_assert_uint_eq(error.line, line);
}

START_TEST(test_peers_are_known_by_id)
{
	struct config *config = load_good(HEAD "default_pool_size=7\n[peers]\n"
					       "2 = host=/tmp/b port=7000\n"
					       "01 = host=a pool_size=3\n1 = host=c\n");
	const struct config_peer *peer = config_peer_find(config, 1);

	ck_assert_uint_eq(config->peer_count, 2);
	ck_assert_str_eq(peer->host, "c");
	ck_assert_int_eq(peer->port, 6432);
	ck_assert_int_eq(peer->pool_size, 7);
	peer = config_peer_find(config, 2);
	ck_assert_str_eq(peer->host, "/tmp/b");
	ck_assert_int_eq(peer->port, 7000);
	ck_assert_ptr_null(config_peer_find(config, 3));
	config_unref(config);
}
END_TEST

START_TEST(test_peers_that_make_no_sense_are_refused)
{
	check_refused(HEAD "[peers]\n0 = host=a\n", 4, "1 .. 65535");
	check_refused(HEAD "[peers]\n65536 = host=a\n", 4, "1 .. 65535");
	check_refused(HEAD "[peers]\nx = host=a\n", 4, "1 .. 65535");
	check_refused(HEAD "[peers]\n1 = port=5\n", 4, "host is missing");
	check_refused(HEAD "[peers]\n1 = host=a dbname=b\n", 4, "unknown setting");
	check_refused(HEAD "[peers]\n1 = host=a pool_mode=session\n", 4, "a peer");
}
END_TEST

START_TEST(test_both_names_of_the_section_mean_the_same)
{
	struct config *config = load_good("[pgbouncer]\nauth_type=any\nlisten_port = 1\n"
					  "max_client_conn=7\n[pgweir]\nlisten_port=2\n");

	ck_assert_int_eq(config->settings.listen_port, 2);
	ck_assert_int_eq(config->settings.max_client_conn, 7);
	config_unref(config);
}
END_TEST

START_TEST(test_a_second_pgbouncer_header_adds_to_the_first)
{
	struct config *config =
		load_good("[pgbouncer]\nauth_file=a\nmax_client_conn=7\nauth_type=any\n"
			  "[databases]\nb=host=x\n  [ pgbouncer ]\npool_mode=statement\n");

	ck_assert_str_eq(config->settings.auth_file, "a");
	ck_assert_int_eq(config->settings.max_client_conn, 7);
	ck_assert_int_eq(config->settings.auth_type, AUTH_TYPE_ANY);
	ck_assert_int_eq(config->settings.pool_mode, POOL_MODE_STATEMENT);
	config_unref(config);
}
END_TEST

START_TEST(test_lines_are_read_as_pgbouncer_reads_them)
{
	struct config *config = load_good(
		"\xef\xbb\xbf; comment\n# another\n  [pgweir] ; why not\n\n"
		"\tauth_type = any\r\n"
		"   server_reset_query = SELECT 1; SELECT 2 ; # not a comment\t \n"
		"\t  listen_port=1\n  listen_port=2\n"
		"login_notify_message = a=b:c\n"
		"server_check_query =\n"
		"[databases]\n'my db' = host=a\n'it''s=a:b' = host=b\n  x.y_z-1 =\nlast=host=c");

	ck_assert_str_eq(config->settings.server_reset_query,
			 "SELECT 1; SELECT 2 ; # not a comment");
	ck_assert_int_eq(config->settings.listen_port, 2);
	ck_assert_str_eq(config->settings.login_notify_message, "a=b:c");
	ck_assert_str_eq(config->settings.server_check_query, "");
	ck_assert_uint_eq(config->database_count, 4);
	ck_assert_str_eq(config_database_find(config, "my db")->hosts[0].host, "a");
	ck_assert_str_eq(config_database_find(config, "it's=a:b")->hosts[0].host, "b");
	ck_assert_str_eq(config_database_find(config, "x.y_z-1")->hosts[0].host, "/tmp");
	ck_assert_str_eq(config_database_find(config, "last")->hosts[0].host, "c");
	config_unref(config);
}
END_TEST

START_TEST(test_long_lines_are_whole)
{
	/* Around the sizes at which libinih's buffer grows. */
	static const size_t sizes[] = { 150, 180, 181, 182, 199, 200, 201, 399, 400, 5000, 300000 };
	size_t i;

	for (i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		char *value = malloc(sizes[i] + 1), *text = malloc(sizes[i] + 200);
		struct config *config;

		memset(value, 'x', sizes[i]);
		value[sizes[i]] = '\0';
		sprintf(text, HEAD "login_notify_message=%s\nlisten_port=77\n", value);
		config = load_good(text);
		ck_assert_str_eq(config->settings.login_notify_message, value);
		ck_assert_int_eq(config->settings.listen_port, 77);
		config_unref(config);
		free(value);
		free(text);
	}
}
END_TEST

START_TEST(test_a_line_over_a_megabyte_is_refused)
{
	size_t size = 1 << 20;
	char *text = malloc(size + 100);
	struct config *config;

	strcpy(text, "[pgweir]\nlogfile=");
	memset(text + strlen("[pgweir]\nlogfile="), 'x', size);
	text[size] = '\0';
	config = load(text);
	ck_assert_ptr_null(config);
	ck_assert_ptr_nonnull(strstr(error.text, "longer than 1 MB"));
	free(text);
}
END_TEST

START_TEST(test_errors_name_the_line)
{
	check_refused("[pgweir]\n\nlisten_prot = 1\n", 3, "nearest known is listen_port");
	check_refused("[pgweir]\nlisten_port = x\n", 2, "1 .. 65535");
	check_refused("listen_port = 1\n", 1, "before the first [section]");
	check_refused("[pgweir]\n[foo]\n", 2, "unknown section [foo]");
	check_refused("[pgweir\n", 1, "']' is missing");
	check_refused("[pgweir]\nfoo\n", 2, "'=' is missing");
	check_refused("[pgweir]\nfoo: 1\n", 2, "'=' is missing");
	check_refused("[databases]\n\"my db\" = host=a\n", 2, "single quotes");
	check_refused("[databases]\n'my db = host=a\n", 2, "name = value");
	check_refused("[databases]\n'' = host=a\n", 2, "name = value");
	check_refused("[pgweir]\n= 1\n", 2, "name = value");
	check_refused("[peers]\n1 = hots=a\n", 2, "nearest known is host");
	check_refused("[pgweir]\n%include x\n", 2, "not possible here");
	check_refused("[pgweir]\n%foo\n", 2, "unknown directive");
	ck_assert_ptr_null(config_load_text("[pgweir]\n\0", 10, &error));
	ck_assert_ptr_nonnull(strstr(error.text, "NUL"));
	ck_assert_ptr_null(config_load("/nowhere/pgweir.ini", &error));
	ck_assert_str_eq(error.file, "/nowhere/pgweir.ini");
}
END_TEST

START_TEST(test_entries_are_checked)
{
	check_refused(HEAD "[databases]\npgbouncer = host=a\n", 4, "reserved");
	check_refused(HEAD "[databases]\npgweir = host=a\n", 4, "reserved");
	check_refused(HEAD "[databases]\na = host=\n", 4, "a value is missing");
	check_refused(HEAD "[databases]\na = host\n", 4, "'=' is missing");
	check_refused(HEAD "[databases]\na = host='x\n", 4, "quote without end");
	check_refused(HEAD "[databases]\na = host='x'port=1\n", 4, "a blank is missing");
	check_refused(HEAD "[databases]\na = host=b ; why\n", 4, "comments stand on lines");
	check_refused(HEAD "[databases]\na = hots=b\n", 4, "nearest known is host");
	check_refused(HEAD "[databases]\na = port=0\n", 4, "1 .. 65535");
	check_refused("[pgweir]\nauth_type=any\nauth_dbname=pgbouncer\n", 0,
		      "cannot use the reserved");
	check_refused(HEAD "[databases]\na = host=a,,b\n", 4, "empty host");
	check_refused(HEAD "[databases]\na = cluster=b\n", 4, "there is no cluster \"b\"");
	check_refused(HEAD "[clusters]\nmain=hosts=a\n[databases]\na = cluster=mian\n", 6,
		      "nearest known is main");
	check_refused(HEAD "[clusters]\nm=hosts=a\n[databases]\na = cluster=m host=b\n", 6,
		      "exclude each other");
	check_refused(HEAD "[databases]\na = host=b route=split\n", 4, "route needs cluster=");
	check_refused(HEAD "[clusters]\nm=monitor_user=a\n", 4, "hosts= is missing");
	check_refused(HEAD "[clusters]\nm=discovery=etcd hosts=a\n", 4, "not supported");
	check_refused(HEAD "[clusters]\nm=hosts=a,B,b:5432\n", 4, "stands twice");
	check_refused(HEAD "[clusters]\nm=hosts=::1\n", 4, "brackets");
	check_refused(HEAD "[clusters]\nm=hosts=a:0\n", 4, "the port is not");
	check_refused(HEAD "[clusters]\nm=hosts=[::1\n", 4, "[address]:port");
	check_refused(HEAD "[clusters]\nm=hosts=[]:1\n", 4, "empty host");
	check_refused(HEAD "[users]\nu=port=1\n", 4, "unknown setting");
	check_refused(HEAD "zone = a\n", 3, "zone is not supported by this version");
	check_refused(HEAD "listen_addr=\nunix_socket_dir=\n", 0, "nowhere to listen");
	check_refused(HEAD "client_tls_sslmode=prefer\n", 0, "needs client_tls_key_file");
	check_refused(HEAD "client_tls_sslmode=require\n", 3, "TLS is not there yet");
}
END_TEST

START_TEST(test_names_have_pgbouncers_lengths)
{
	char name[140], text[400];

	memset(name, 'n', sizeof(name));
	name[63] = '\0';
	snprintf(text, sizeof(text), HEAD "[databases]\n%s = host=a\n", name);
	config_unref(load_good(text));
	name[63] = 'n';
	name[64] = '\0';
	snprintf(text, sizeof(text), HEAD "[databases]\n%s = host=a\n", name);
	check_refused(text, 4, "longer than 63 bytes");
	name[64] = 'n';
	name[127] = '\0';
	snprintf(text, sizeof(text), HEAD "[users]\n%s = pool_size=1\n", name);
	config_unref(load_good(text));
	snprintf(text, sizeof(text), HEAD "[databases]\na = user=%s\n", name);
	config_unref(load_good(text));
	name[127] = 'n';
	name[128] = '\0';
	snprintf(text, sizeof(text), HEAD "[users]\n%s = pool_size=1\n", name);
	check_refused(text, 4, "longer than 127 bytes");
	snprintf(text, sizeof(text), HEAD "[databases]\na = user=%s\n", name);
	check_refused(text, 4, "longer than 127 bytes");
}
END_TEST

START_TEST(test_errors_do_not_show_passwords)
{
	check_refused(HEAD "[databases]\na = password=top secret\n", 4, "a: '=' is missing");
	ck_assert_ptr_null(strstr(error.text, "secret"));
	check_refused(HEAD "[databases]\na = password=top secret=1\n", 4, "after a password");
	ck_assert_ptr_null(strstr(error.text, "secret"));
	check_refused(HEAD "[databases]\na = password='top secret\n", 4, "quote without end");
	ck_assert_ptr_null(strstr(error.text, "secret"));
}
END_TEST

START_TEST(test_a_database_entry_is_read_whole)
{
	struct config *config = load_good(
		HEAD "[databases]\n"
		     "a = host = ' h1 , ::1,/run/x,@y' port=5433 dbname='it''s' user=u "
		     "password='p w' connect_query='select 1' client_encoding=UTF8 timezone=UTC "
		     "load_balance_hosts=disable pool_size=3 reserve_pool=2\n"
		     "b = \n"
		     "* = host=other\n");
	const struct config_database *a = config_database_find(config, "a");
	const struct config_database *b = config_database_find(config, "b");
	const struct config_database *rest = config_database_fallback(config);

	ck_assert_uint_eq(a->host_count, 4);
	ck_assert_str_eq(a->hosts[0].host, "h1");
	ck_assert_str_eq(a->hosts[1].host, "::1");
	ck_assert_str_eq(a->hosts[2].host, "/run/x");
	ck_assert_str_eq(a->hosts[3].host, "@y");
	ck_assert_int_eq(a->hosts[3].port, 5433);
	ck_assert_str_eq(a->dbname, "it's");
	ck_assert_str_eq(a->user, "u");
	ck_assert_str_eq(a->password, "p w");
	ck_assert_str_eq(a->connect_query, "select 1");
	ck_assert_int_eq(a->load_balance_hosts, LOAD_BALANCE_DISABLE);
	ck_assert_uint_eq(a->parameter_count, 2);
	ck_assert_str_eq(a->parameters[0].name, "client_encoding");
	ck_assert_str_eq(a->parameters[0].value, "UTF8");
	ck_assert_str_eq(a->parameters[1].name, "timezone");
	ck_assert_int_eq(a->settings.default_pool_size, 3);
	ck_assert_int_eq(a->settings.reserve_pool_size, 2);
	ck_assert_int_eq(a->settings.route, ROUTING_PRIMARY);
	ck_assert(!a->settings.lazy_begin);
	ck_assert_ptr_null(a->cluster);
	ck_assert_str_eq(b->dbname, "b");
	ck_assert_str_eq(b->hosts[0].host, "/tmp");
	ck_assert_int_eq(b->hosts[0].port, 5432);
	ck_assert_str_eq(rest->hosts[0].host, "other");
	ck_assert_str_eq(rest->dbname, "");
	ck_assert_ptr_null(config_database_find(config, "*"));
	ck_assert_ptr_null(config_database_find(config, "c"));
	ck_assert_uint_eq(config->database_count, 2);
	config_unref(config);
}
END_TEST

START_TEST(test_a_cluster_has_its_hosts)
{
	struct config *config = load_good(
		HEAD
		"[databases]\napp = cluster=main\nro = cluster=main dbname=app route=replica\n"
		"[clusters]\nmain = hosts='10.0.0.1, db2:5433,[::1]:5434,[::2],/run/pg:6000,/x' "
		"monitor_user=m monitor_password=secret max_replica_lag=2s\n");
	const struct config_database *app = config_database_find(config, "app");
	const struct config_cluster *cluster = app->cluster;

	ck_assert_ptr_eq(cluster, config_cluster_find(config, "main"));
	ck_assert_uint_eq(cluster->host_count, 6);
	ck_assert_str_eq(cluster->hosts[0].host, "10.0.0.1");
	ck_assert_int_eq(cluster->hosts[0].port, 5432);
	ck_assert_int_eq(cluster->hosts[1].port, 5433);
	ck_assert_str_eq(cluster->hosts[2].host, "::1");
	ck_assert_int_eq(cluster->hosts[2].port, 5434);
	ck_assert_str_eq(cluster->hosts[3].host, "::2");
	ck_assert_str_eq(cluster->hosts[4].host, "/run/pg");
	ck_assert_int_eq(cluster->hosts[4].port, 6000);
	ck_assert_str_eq(cluster->hosts[5].host, "/x");
	ck_assert_str_eq(cluster->monitor_dbname, "postgres");
	ck_assert_str_eq(cluster->monitor_password, "secret");
	ck_assert_int_eq(app->settings.route, ROUTING_SPLIT);
	ck_assert(app->settings.lazy_begin);
	ck_assert_int_eq(app->settings.max_replica_lag, 2 * USEC_PER_SEC);
	ck_assert_uint_eq(app->host_count, 0);
	ck_assert_int_eq(config_database_find(config, "ro")->settings.route, ROUTING_REPLICA);
	config_unref(config);
}
END_TEST

START_TEST(test_user_goes_before_database_before_cluster_before_global)
{
	struct config *config = load_good(
		HEAD "max_replica_lag=1\nquery_timeout=1\ndefault_pool_size=1\n"
		     "[clusters]\nm=hosts=a max_replica_lag=2 route=any\n"
		     "[databases]\na=cluster=m\nb=cluster=m max_replica_lag=3 pool_size=3\n"
		     "plain=host=x\n"
		     "[users]\nu=max_replica_lag=4 pool_size=4 route=replica\n");
	const struct config_database *a = config_database_find(config, "a");
	const struct config_database *b = config_database_find(config, "b");
	struct settings s;

	ck_assert_int_eq(config->settings.max_replica_lag, 1 * USEC_PER_SEC);
	ck_assert_int_eq(a->settings.max_replica_lag, 2 * USEC_PER_SEC);
	ck_assert_int_eq(b->settings.max_replica_lag, 3 * USEC_PER_SEC);
	ck_assert_int_eq(a->settings.default_pool_size, 1);
	ck_assert_int_eq(a->settings.route, ROUTING_ANY);
	config_effective(config, b, "u", &s);
	ck_assert_int_eq(s.max_replica_lag, 4 * USEC_PER_SEC);
	ck_assert_int_eq(s.default_pool_size, 4);
	ck_assert_int_eq(s.query_timeout, 1 * USEC_PER_SEC);
	ck_assert_int_eq(s.route, ROUTING_REPLICA);
	config_effective(config, b, "v", &s);
	ck_assert_int_eq(s.default_pool_size, 3);
	config_effective(config, config_database_find(config, "plain"), "u", &s);
	ck_assert_int_eq(s.route, ROUTING_PRIMARY);
	config_effective(config, NULL, NULL, &s);
	ck_assert_int_eq(s.default_pool_size, 1);
	config_unref(config);
}
END_TEST

START_TEST(test_the_later_of_two_entries_counts)
{
	struct config *config =
		load_good(HEAD "[databases]\nb=host=x\na=host=1 pool_size=9\n"
			       "c=host=y\na=host=2\na=host=3\n*=host=4\n*=host=5\n");

	ck_assert_uint_eq(config->database_count, 3);
	ck_assert_str_eq(config_database_find(config, "a")->hosts[0].host, "3");
	ck_assert_int_eq(config_database_find(config, "a")->settings.default_pool_size, 20);
	ck_assert_str_eq(config_database_fallback(config)->hosts[0].host, "5");
	config_unref(config);
}
END_TEST

START_TEST(test_zero_in_a_database_means_global_as_in_pgbouncer)
{
	struct config *config =
		load_good(HEAD "server_lifetime=99\nmax_db_connections=5\n[databases]\n"
			       "a=host=x server_lifetime=0 max_db_connections=0 pool_size=0\n");
	const struct config_database *a = config_database_find(config, "a");

	ck_assert_int_eq(a->settings.server_lifetime, 99 * USEC_PER_SEC);
	ck_assert_int_eq(a->settings.max_db_connections, 5);
	ck_assert_int_eq(a->settings.default_pool_size, 0);
	config_unref(config);
}
END_TEST

START_TEST(test_less_than_zero_in_an_entry_means_that_it_is_not_set)
{
	struct config *config =
		load_good(HEAD "default_pool_size=7\nquery_timeout=5\nmax_user_connections=3\n"
			       "[databases]\na=host=x pool_size=-1 min_pool_size=-1\n"
			       "[users]\nu=pool_size=-1 query_timeout=0 max_user_connections=0\n"
			       "v=pool_size=0 query_timeout=2\n");
	const struct config_database *a = config_database_find(config, "a");
	struct settings s;

	config_effective(config, a, "u", &s);
	ck_assert_int_eq(s.default_pool_size, 7);
	ck_assert_int_eq(s.min_pool_size, 0);
	ck_assert_int_eq(s.query_timeout, 5 * USEC_PER_SEC);
	ck_assert_int_eq(s.max_user_connections, 3);
	config_effective(config, a, "v", &s);
	ck_assert_int_eq(s.default_pool_size, 0);
	ck_assert_int_eq(s.query_timeout, 2 * USEC_PER_SEC);
	config_unref(config);
}
END_TEST

START_TEST(test_the_next_reload_reads_conffile)
{
	struct config *config = load_good(HEAD "conffile=/other.ini\n");
	struct config *changed = config_set(config, "conffile", "/third.ini", &error);

	ck_assert_str_eq(config->settings.conffile, "/other.ini");
	ck_assert_str_eq(changed->settings.conffile, "/third.ini");
	config_unref(config);
	config_unref(changed);
}
END_TEST

static void note_warning(void *arg, const char *text)
{
	text_printf(arg, "%s\n", text);
}

START_TEST(test_tls_that_was_asked_for_and_is_not_there_is_warned_of)
{
	struct config *config = load_good(HEAD "server_tls_sslmode=prefer\n");
	struct text out = { 0 };

	config_warn(config, note_warning, &out);
	ck_assert_str_eq(text_string(&out), "server_tls_sslmode = prefer: this version of pgweir "
					    "has no TLS, connections with servers are plain\n");
	config_unref(config);
	config = load_good(HEAD "server_tls_sslmode=disable\n");
	text_clear(&out);
	config_warn(config, note_warning, &out);
	ck_assert_str_eq(text_string(&out), "");
	config_unref(config);
	config = load_good(HEAD);
	config_warn(config, note_warning, &out);
	ck_assert_str_eq(text_string(&out), "");
	config_unref(config);
	text_done(&out);
}
END_TEST

static void write_file(const char *name, const char *text)
{
	FILE *file = fopen(name, "w");

	ck_assert_ptr_nonnull(file);
	fputs(text, file);
	fclose(file);
}

/* Includes are relative to the working directory: the tests of them have one of their own. */
static char folder[64];

static void enter_folder(void)
{
	strcpy(folder, "/tmp/pgweir-test-XXXXXX");
	ck_assert_ptr_nonnull(mkdtemp(folder));
	ck_assert_int_eq(chdir(folder), 0);
}

static void leave_folder(void)
{
	static const char *const names[] = { "main.ini", "a.ini", "b.ini", "self.ini" };
	size_t i;

	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(names[i]);
	ck_assert_int_eq(chdir("/"), 0);
	ck_assert_int_eq(rmdir(folder), 0);
}

START_TEST(test_an_include_goes_on_in_the_section_and_back)
{
	struct config *config;

	write_file("main.ini", "[pgweir]\nauth_type=any\n  %include a.ini \nb=host=2\n");
	write_file("a.ini", "listen_port=9\n%include b.ini");
	write_file("b.ini", "[databases]\na=host=1");
	config = config_load("main.ini", &error);
	ck_assert_msg(config != NULL, "%s:%u: %s", error.file, error.line, error.text);
	ck_assert_int_eq(config->settings.listen_port, 9);
	ck_assert_uint_eq(config->database_count, 2);
	ck_assert_str_eq(config_database_find(config, "a")->file, "b.ini");
	ck_assert_str_eq(config_database_find(config, "b")->file, "main.ini");
	ck_assert_uint_eq(config_database_find(config, "b")->line, 4);
	config_unref(config);
}
END_TEST

START_TEST(test_errors_name_the_included_file)
{
	write_file("main.ini", "[pgweir]\nauth_type=any\n%include a.ini\nfoo=1\n");
	write_file("a.ini", "\nlisten_port=no\n");
	ck_assert_ptr_null(config_load("main.ini", &error));
	ck_assert_str_eq(error.file, "a.ini");
	ck_assert_uint_eq(error.line, 2);
	write_file("a.ini", "");
	ck_assert_ptr_null(config_load("main.ini", &error));
	ck_assert_str_eq(error.file, "main.ini");
	ck_assert_uint_eq(error.line, 4);
	write_file("main.ini", "[pgweir]\n%include nowhere.ini\n");
	ck_assert_ptr_null(config_load("main.ini", &error));
	ck_assert_uint_eq(error.line, 2);
	ck_assert_ptr_nonnull(strstr(error.text, "nowhere.ini"));
	write_file("main.ini", "[pgweir]\n%include .\n");
	ck_assert_ptr_null(config_load("main.ini", &error));
	ck_assert_ptr_nonnull(strstr(error.text, "directory"));
}
END_TEST

START_TEST(test_includes_end_at_ten_levels)
{
	write_file("self.ini", "%include self.ini\n");
	ck_assert_ptr_null(config_load("self.ini", &error));
	ck_assert_ptr_nonnull(strstr(error.text, "deeper than 10"));
}
END_TEST

START_TEST(test_ten_levels_are_read)
{
	struct config *config;
	char name[32], text[64];
	int i;

	for (i = 0; i <= 10; i++) {
		snprintf(name, sizeof(name), "level%d.ini", i);
		snprintf(text, sizeof(text), i < 10 ? "%%include level%d.ini\n" : HEAD, i + 1);
		write_file(name, text);
	}
	config = config_load("level0.ini", &error);
	for (i = 0; i <= 10; i++) {
		snprintf(name, sizeof(name), "level%d.ini", i);
		unlink(name);
	}
	ck_assert_msg(config != NULL, "%s:%u: %s", error.file, error.line, error.text);
	config_unref(config);
}
END_TEST

/* Whatever libinih's buffer holds, the last line of a file does not run into the next file's. */
START_TEST(test_a_file_may_end_without_a_line_end)
{
	char text[512] = "login_notify_message=", *value = text + strlen(text);
	size_t len;

	write_file("main.ini", HEAD "%include a.ini\nlisten_port=77\n");
	for (len = 1; len < 420; len++) {
		struct config *config;

		value[len - 1] = 'x';
		value[len] = '\0';
		write_file("a.ini", text);
		config = config_load("main.ini", &error);
		ck_assert_msg(config != NULL, "%s:%u: %s", error.file, error.line, error.text);
		ck_assert_str_eq(config->settings.login_notify_message, value);
		ck_assert_int_eq(config->settings.listen_port, 77);
		config_unref(config);
	}
}
END_TEST

START_TEST(test_set_keeps_what_a_reload_did_not_apply)
{
	struct config *running = load_good(HEAD "listen_port=1\n");
	struct config *loaded = load_good(HEAD "listen_port=2\n");
	struct config *changed;

	config_carry(loaded, running);
	config_unref(running);
	changed = config_set(loaded, "verbose", "1", &error);
	config_unref(loaded);
	ck_assert_int_eq(changed->settings.listen_port, 1);
	config_unref(changed);
}
END_TEST

START_TEST(test_errors_are_one_printable_line)
{
	char line[900];

	check_refused("[pgweir]\npool_mode = a\033[2Jb\n", 2, "not \"a?[2Jb\"");
	config_error_format(&error, line, sizeof(line));
	ck_assert_str_eq(line, "line 2: pool_mode is one of session, transaction, statement, not "
			       "\"a?[2Jb\"");
}
END_TEST

START_TEST(test_set_makes_another_configuration)
{
	struct config *before = load_good(HEAD "default_pool_size=5\n[databases]\na=host=x\n"
					       "b=host=y pool_size=2\n");
	struct config *after = config_set(before, "default_pool_size", "9", &error);

	ck_assert_ptr_nonnull(after);
	ck_assert_int_eq(before->settings.default_pool_size, 5);
	ck_assert_int_eq(after->settings.default_pool_size, 9);
	config_unref(before);
	ck_assert_int_eq(config_database_find(after, "a")->settings.default_pool_size, 9);
	ck_assert_int_eq(config_database_find(after, "b")->settings.default_pool_size, 2);
	ck_assert_ptr_null(config_set(after, "default_pool_sice", "9", &error));
	ck_assert_ptr_nonnull(strstr(error.text, "nearest known is default_pool_size"));
	ck_assert_ptr_null(config_set(after, "default_pool_size", "x", &error));
	ck_assert_ptr_null(config_set(after, "listen_port", "1", &error));
	ck_assert_ptr_nonnull(strstr(error.text, "restart"));
	config_unref(after);
}
END_TEST

static void on_difference(void *arg, const struct config_difference *difference)
{
	struct text *out = arg;
	char line[200];

	config_difference_format(difference, line, sizeof(line));
	text_printf(out, "%s\n", line);
}

static void check_diff(const char *before, const char *after, const char *expected)
{
	struct config *a = load_good(before), *b = load_good(after);
	struct text out = { 0 };

	config_diff(a, b, on_difference, &out);
	ck_assert_str_eq(text_string(&out), expected);
	text_done(&out);
	config_unref(a);
	config_unref(b);
}

START_TEST(test_difference_says_what_a_reload_must_touch)
{
	check_diff(HEAD "[databases]\na=host=x\n", HEAD "\n[databases]\n\na = host=x\n", "");
	check_diff(HEAD "listen_port=1\ndefault_pool_size=3\nroute=any\n",
		   HEAD "default_pool_size=4\n",
		   "setting default_pool_size: changed: 3 -> 4\n"
		   "setting listen_port: changed: 1 -> 6432 (needs a restart: not applied)\n"
		   "setting route: changed: any -> split\n");
	check_diff(HEAD "[databases]\na=host=x password=1\nb=host=x\nd=host=x\n*=host=x\n",
		   HEAD "[databases]\na=host=x password=2\nb=host=y pool_size=2\nc=host=x\n",
		   "database a: changed: password (for new connections)\n"
		   "database b: changed: host, default_pool_size (servers reconnect)\n"
		   "database c: added\n"
		   "database d: removed\n"
		   "database *: removed\n");
	check_diff(HEAD "[clusters]\nm=hosts=a\nn=hosts=a\n[users]\nu=pool_size=1\n",
		   HEAD "[clusters]\nm=hosts=a,b\nn=hosts=a monitor_fall=5\n[users]\nu=\nv=\n",
		   "cluster m: changed: hosts (servers reconnect)\n"
		   "cluster n: changed: monitor_fall\n"
		   "user u: changed: default_pool_size\n"
		   "user v: added\n");
}
END_TEST

START_TEST(test_carry_keeps_what_needs_a_restart)
{
	struct config *running = load_good(HEAD "listen_port=1\nlisten_addr=x\nverbose=1\n");
	struct config *loaded = load_good(HEAD "listen_port=2\nlisten_addr=y\nverbose=2\n"
					       "[databases]\na=host=x pool_size=3\n");

	config_carry(loaded, running);
	config_unref(running);
	ck_assert_int_eq(loaded->settings.listen_port, 1);
	ck_assert_str_eq(loaded->settings.listen_addr, "x");
	ck_assert_int_eq(loaded->settings.verbose, 2);
	ck_assert_int_eq(config_database_find(loaded, "a")->settings.default_pool_size, 3);
	config_unref(loaded);
}
END_TEST

START_TEST(test_the_last_to_let_go_frees)
{
	struct config *config = load_good(HEAD);

	ck_assert_ptr_eq(config_ref(config), config);
	config_unref(config);
	ck_assert_int_eq(config->settings.auth_type, AUTH_TYPE_TRUST);
	config_unref(config);
	config_unref(NULL);
}
END_TEST

START_TEST(test_many_databases_are_found)
{
	struct text text = { 0 };
	struct config *config;
	char name[32];
	int i;

	text_add(&text, HEAD "[databases]\n");
	for (i = 0; i < 3000; i++)
		text_printf(&text, "db%d = host=h%d\n", (i * 7919) % 3000, i);
	config = load_good(text_string(&text));
	ck_assert_uint_eq(config->database_count, 3000);
	for (i = 0; i < 3000; i++) {
		snprintf(name, sizeof(name), "db%d", i);
		ck_assert_str_eq(config_database_find(config, name)->name, name);
	}
	config_unref(config);
	text_done(&text);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("config");
	TCase *tests = tcase_create("config");
	TCase *files = tcase_create("files");
	SRunner *runner;
	int failed;

	tcase_add_test(tests, test_peers_are_known_by_id);
	tcase_add_test(tests, test_peers_that_make_no_sense_are_refused);
	tcase_add_test(tests, test_both_names_of_the_section_mean_the_same);
	tcase_add_test(tests, test_a_second_pgbouncer_header_adds_to_the_first);
	tcase_add_test(tests, test_lines_are_read_as_pgbouncer_reads_them);
	tcase_add_test(tests, test_long_lines_are_whole);
	tcase_add_test(tests, test_a_line_over_a_megabyte_is_refused);
	tcase_add_test(tests, test_errors_name_the_line);
	tcase_add_test(tests, test_entries_are_checked);
	tcase_add_test(tests, test_names_have_pgbouncers_lengths);
	tcase_add_test(tests, test_errors_do_not_show_passwords);
	tcase_add_test(tests, test_a_database_entry_is_read_whole);
	tcase_add_test(tests, test_a_cluster_has_its_hosts);
	tcase_add_test(tests, test_user_goes_before_database_before_cluster_before_global);
	tcase_add_test(tests, test_the_later_of_two_entries_counts);
	tcase_add_test(tests, test_zero_in_a_database_means_global_as_in_pgbouncer);
	tcase_add_test(tests, test_less_than_zero_in_an_entry_means_that_it_is_not_set);
	tcase_add_test(tests, test_the_next_reload_reads_conffile);
	tcase_add_test(tests, test_tls_that_was_asked_for_and_is_not_there_is_warned_of);
	tcase_add_test(tests, test_set_makes_another_configuration);
	tcase_add_test(tests, test_set_keeps_what_a_reload_did_not_apply);
	tcase_add_test(tests, test_errors_are_one_printable_line);
	tcase_add_test(tests, test_difference_says_what_a_reload_must_touch);
	tcase_add_test(tests, test_carry_keeps_what_needs_a_restart);
	tcase_add_test(tests, test_the_last_to_let_go_frees);
	tcase_add_test(tests, test_many_databases_are_found);
	tcase_add_checked_fixture(files, enter_folder, leave_folder);
	tcase_add_test(files, test_an_include_goes_on_in_the_section_and_back);
	tcase_add_test(files, test_errors_name_the_included_file);
	tcase_add_test(files, test_includes_end_at_ten_levels);
	tcase_add_test(files, test_ten_levels_are_read);
	tcase_add_test(files, test_a_file_may_end_without_a_line_end);
	suite_add_tcase(suite, tests);
	suite_add_tcase(suite, files);
	runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
