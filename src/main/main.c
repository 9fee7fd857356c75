/* SPDX-License-Identifier: ISC */
/* The program: command line and order of start. */
#include <errno.h>
#include <getopt.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "admin/stats.h"
#include "auth/judge.h"
#include "base/readable.h"
#include "io/resolver.h"
#include "main/claim.h"
#include "main/daemon.h"
#include "main/inherit.h"
#include "main/program.h"
#include "main/reload.h"
#include "main/service.h"
#include "session/client.h"

#define ERROR_BYTES 1024

struct log_options program_log_options(const struct program *program,
				       const struct settings *settings)
{
	const struct options *options = &program->options;
	struct log_options log = {
		.file = settings->logfile,
		.to_stderr = !options->quiet && !options->daemon,
		.to_syslog = settings->syslog,
		.syslog_ident = settings->syslog_ident,
		.syslog_facility = settings->syslog_facility,
		.verbose = settings->verbose,
	};

	if (options->verbose > log.verbose)
		log.verbose = options->verbose;
	return log;
}

/* ---- command line ---- */

static void print_help(const char *name)
{
	printf("%s: connection pooler and router for PostgreSQL clusters\n"
	       "\n"
	       "Usage:\n"
	       "  %s [OPTION]... CONFIG_FILE\n"
	       "\n"
	       "Options:\n"
	       "  -d, --daemon         run in the background (as a daemon)\n"
	       "  -q, --quiet          do not log to stderr\n"
	       "  -R, --reboot         take over from the process that runs, which serves its\n"
	       "                       clients until they leave\n"
	       "  -u, --user=USER      become this user\n"
	       "  -v, --verbose        log more; may be given several times\n"
	       "      --check          check the configuration and exit\n"
	       "      --help-config    list all settings and exit\n"
	       "  -V, --version        show version, then exit\n"
	       "  -h, --help           show this help, then exit\n",
	       name, name);
}

static void print_version(void)
{
	printf("%s\n", console_version());
	printf("libev %d.%d\n", ev_version_major(), ev_version_minor());
	printf("adns: %s\n", resolver_library());
	printf("tls: %s\n", OpenSSL_version(OPENSSL_VERSION));
	if (service_is_known())
		printf("systemd: yes\n");
	if (judge_is_built(METHOD_LDAP))
		printf("ldap: yes\n");
	if (judge_is_built(METHOD_PAM))
		printf("pam: yes\n");
}

static void __attribute__((noreturn)) refuse_usage(const char *name)
{
	fprintf(stderr, "Try \"%s --help\" for more information.\n", name);
	exit(1);
}

enum { OPTION_CHECK = 256, OPTION_HELP_CONFIG };

static const struct option long_options[] = {
	{ "check", no_argument, NULL, OPTION_CHECK },
	{ "daemon", no_argument, NULL, 'd' },
	{ "help", no_argument, NULL, 'h' },
	{ "help-config", no_argument, NULL, OPTION_HELP_CONFIG },
	{ "quiet", no_argument, NULL, 'q' },
	{ "reboot", no_argument, NULL, 'R' },
	{ "user", required_argument, NULL, 'u' },
	{ "verbose", no_argument, NULL, 'v' },
	{ "version", no_argument, NULL, 'V' },
	{ NULL, 0, NULL, 0 },
};

static void take_option(struct options *options, const char *name, int letter)
{
	switch (letter) {
	case 'd':
		options->daemon = true;
		break;
	case 'q':
		options->quiet = true;
		break;
	case 'R':
		options->reboot = true;
		break;
	case 'u':
		options->user = optarg;
		break;
	case 'v':
		options->verbose++;
		break;
	case OPTION_CHECK:
		options->check = true;
		break;
	case OPTION_HELP_CONFIG:
		settings_print_manual(stdout);
		exit(0);
	case 'V':
		print_version();
		exit(0);
	case 'h':
		print_help(name);
		exit(0);
	default:
		refuse_usage(name);
	}
}

static void read_options(struct options *options, int argc, char **argv)
{
	int letter;

	while ((letter = getopt_long(argc, argv, "dhqRu:vV", long_options, NULL)) != -1)
		take_option(options, argv[0], letter);
	if (optind + 1 != argc) {
		fprintf(stderr, "%s: %s\n", argv[0],
			optind == argc ? "no configuration file specified"
				       : "only one configuration file may be given");
		refuse_usage(argv[0]);
	}
	options->path = argv[optind];
}

/* ---- start ---- */

/* The end of a process that did not come to life. */
static void __attribute__((noreturn)) give_up(const char *why)
{
	log_fatal(process, "%s", why);
	exit(1);
}

static struct config *load_config(const struct options *options)
{
	struct access nothing = { 0 }, access = { 0 };
	struct config_error problem;
	struct config *config = config_load(options->path, &problem);
	char error[ERROR_BYTES];

	if (config == NULL) {
		config_error_format(&problem, error, sizeof(error));
		give_up(error);
	}
	/* They are read again when the pools are made; here it is said what is wrong. */
	if (!access_load(&access, &nothing, &config->settings, !options->check, error,
			 sizeof(error))) {
		config_unref(config);
		give_up(error);
	}
	access_done(&access);
	return config;
}

/* What a process that starts has from the one before it. */
struct heritage {
	struct claim claim;
	struct inherited inherited;
};

static void inherit(const struct options *options, const struct settings *settings,
		    const struct identity *identity, struct heritage *heritage)
{
	char error[ERROR_BYTES];

	memset(heritage, 0, sizeof(*heritage));
	heritage->claim.line = -1;
	if (!service_take_sockets(&heritage->inherited, error, sizeof(error)))
		give_up(error);
	if (!options->reboot)
		return;
	switch (claim_make(&heritage->claim, &heritage->inherited, settings, identity, error,
			   sizeof(error))) {
	case CLAIM_MADE:
		break;
	case CLAIM_NOBODY:
		log_info(process, "%s; there is no old process, starting as without -R", error);
		break;
	case CLAIM_REFUSED:
		give_up(error);
	}
}

/*
 * Errors are shown on the terminal as long as there is one: all that can fail for a reason that
 * a person can mend comes before the process detaches.
 */
static void become_server(struct program *program, const struct config *config,
			  struct heritage *heritage)
{
	const struct options *options = &program->options;
	const struct settings *settings = &config->settings;
	struct identity identity;
	struct log_options log = program_log_options(program, settings);
	char error[ERROR_BYTES];

	if (options->daemon && settings->pidfile[0] == '\0')
		give_up("daemon needs pidfile configured");
	if (!identity_find(&identity, options->user != NULL ? options->user : settings->user, error,
			   sizeof(error)))
		give_up(error);
	inherit(options, settings, &identity, heritage);
	signals_hold();
	if (!pidfile_check(settings->pidfile, heritage->claim.pid, error, sizeof(error)) ||
	    !listeners_bind(&program->listeners, settings, &identity, &heritage->inherited, error,
			    sizeof(error)))
		give_up(error);
	inherited_done(&heritage->inherited);
	if (!identity_become(&identity, error, sizeof(error))) {
		listeners_done(&program->listeners);
		give_up(error);
	}
	if (options->daemon && !daemon_detach()) {
		snprintf(error, sizeof(error), "cannot become a daemon: %s", strerror(errno));
		give_up(error);
	}
	if (!log_open(&log, error, sizeof(error)) ||
	    (heritage->claim.line < 0 &&
	     !pidfile_write(settings->pidfile, 0, error, sizeof(error)))) {
		listeners_done(&program->listeners);
		give_up(error);
	}
}

/* All is there: from now on the old process does not accept any more. */
static void take_over(struct program *program, const struct config *config,
		      const struct claim *claim)
{
	char error[ERROR_BYTES];

	if (claim->line < 0)
		return;
	if (!takeover_begin(program, claim)) {
		listeners_done(&program->listeners);
		give_up("takeover: the old process has ended meanwhile");
	}
	if (!pidfile_write(config->settings.pidfile, claim->pid, error, sizeof(error)))
		log_error(process, "%s", error);
}

/* ---- what the console asks ---- */

static struct program *program_of(struct console_owner *owner)
{
	return list_entry(owner, struct program, owner);
}

static bool on_reload(struct console_owner *owner, char *error, size_t size)
{
	return reload_run(program_of(owner), error, size);
}

static bool on_set(struct console_owner *owner, const char *key, const char *value, char *error,
		   size_t size)
{
	return reload_set(program_of(owner), key, value, error, size);
}

static void on_accept(struct console_owner *owner, bool on)
{
	listeners_accept(&program_of(owner)->listeners, on);
}

static void on_walk_listeners(struct console_owner *owner,
			      void (*each)(void *arg, int fd, const struct addr *addr), void *arg)
{
	list_for_each(&program_of(owner)->listeners.list, node, after) {
		const struct listener *listener = list_entry(node, struct listener, node);

		each(arg, listener->fd, &listener->addr);
	}
}

static void on_status(struct console_owner *owner, const char *line)
{
	(void)owner;
	service_status(line);
}

static bool on_take_over(struct console_owner *owner, struct client *client, char *error,
			 size_t size)
{
	return takeover_offer(program_of(owner), client, error, size);
}

static void on_shut_down(struct console_owner *owner, enum shutdown_mode mode)
{
	shutdown_begin(program_of(owner), mode, "SHUTDOWN command");
}

static void say_up(const struct program *program)
{
	const struct settings *settings = &program->pooler.config->settings;
	const char *name =
		settings->service_name[0] != '\0' ? settings->service_name : settings->job_name;

	log_info(process, "process up: %s, called %s, libev %d.%d, sends batched: %s",
		 console_version(), name, ev_version_major(), ev_version_minor(),
		 streams_batched(&program->pooler.streams) ? "yes (io_uring)" : "no");
}

int main(int argc, char **argv)
{
	struct program program = {
		.owner = { .reload = on_reload,
			   .set = on_set,
			   .accept = on_accept,
			   .walk_listeners = on_walk_listeners,
			   .status = on_status,
			   .take_over = on_take_over,
			   .shut_down = on_shut_down },
	};
	struct heritage heritage;
	char error[ERROR_BYTES];
	struct config *config;

	if (argc == 2 && strcmp(argv[1], JUDGE_ARGUMENT) == 0)
		judge_run();
	read_options(&program.options, argc, argv);
	config = load_config(&program.options);
	if (program.options.check) {
		reload_warn(config);
		config_unref(config);
		printf("configuration ok\n");
		return 0;
	}
	become_server(&program, config, &heritage);
	reload_warn(config);

	loop_init(&program.loop);
	limits_raise(config);
	if (!pooler_init(&program.pooler, &program.loop, &stream_socket, config, error,
			 sizeof(error))) {
		listeners_done(&program.listeners);
		pidfile_remove(config->settings.pidfile);
		give_up(error);
	}
	clients_init(&program.pooler);
	console_init(&program.pooler, &program.owner);
	stats_init(&program.pooler);
	shutdown_init(&program);
	takeover_init(&program);
	take_over(&program, config, &heritage.claim);
	signals_init(&program);
	listeners_start(&program.listeners, &program.pooler);
	say_up(&program);
	service_watch(&program.loop);
	service_ready();
	readable_wait_no_more();
	loop_run(&program.loop);
	shutdown_finish(&program);
	return 0;
}
