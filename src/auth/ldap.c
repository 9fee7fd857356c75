/* SPDX-License-Identifier: ISC */
/*
 * Asks a directory whether a password is a user's: by binding with it, as a name made of the
 * user's, or as the entry that a search finds.  Of several servers the next one is asked if one
 * does not answer, which is then asked last for a while.
 */
#include "auth/ldap.h"

#include <ldap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "auth/ldap_options.h"
#include "base/clock.h"
#include "base/map.h"
#include "base/mem.h"
#include "base/text.h"

/* How long a server may take to be reached, and to answer one question. */
#define CONNECT_SECONDS 5
#define ANSWER_SECONDS 10

/* For how long a server that gave no answer is asked last, and how many of them are known. */
#define AVOID (60 * USEC_PER_SEC)
#define AVOIDED_MAX 8u

/* What libldap with GnuTLS says of a certificate that it does not take, and what that means. */
#define TLS_UNEXPLAINED "(unknown error code)"
#define TLS_EXPLAINED                                                                              \
	"its certificate is not trusted (TLS_CACERT in ldap.conf, LDAPTLS_CACERT), has expired "   \
	"or is for another name"

static void explain(struct judge_verdict *verdict, LDAP *ldap, const char *step, int result)
{
	char *detail = NULL;
	const char *said;

	if (ldap != NULL)
		ldap_get_option(ldap, LDAP_OPT_DIAGNOSTIC_MESSAGE, &detail);
	said = detail != NULL && strcmp(detail, TLS_UNEXPLAINED) == 0 ? TLS_EXPLAINED
	       : detail != NULL					      ? detail
								      : "";
	snprintf(verdict->why, sizeof(verdict->why), "%s: %s%s%s", step, ldap_err2string(result),
		 *said != '\0' ? ": " : "", said);
	ldap_memfree(detail);
}

static void fail(struct judge_verdict *verdict, LDAP *ldap, const char *step, int result)
{
	verdict->outcome = JUDGE_UNAVAILABLE;
	explain(verdict, ldap, step, result);
}

/* ---- servers ---- */

/* Where they are, as URIs separated by blanks; what DNS says of the base if none is named. */
static bool find_servers(const struct ldap_options *options, struct text *uris,
			 struct judge_verdict *verdict)
{
	char *domain = NULL, *found = NULL;

	if (options->server != NULL)
		return ldap_uris(options, options->server, uris);
	if (ldap_dn2domain(options->basedn, &domain) == 0 && domain != NULL)
		ldap_domain2hostlist(domain, &found);
	if (found == NULL || !ldap_uris(options, found, uris)) {
		verdict->outcome = JUDGE_UNAVAILABLE;
		snprintf(verdict->why, sizeof(verdict->why),
			 "no ldapserver, and DNS has no _ldap._tcp.%.200s",
			 domain != NULL ? domain : "(no domain in ldapbasedn)");
	}
	ldap_memfree(found);
	ldap_memfree(domain);
	return uris->len != 0;
}

static LDAP *open_server(const struct ldap_options *options, const char *uri,
			 struct judge_verdict *verdict)
{
	struct timeval connect = { .tv_sec = CONNECT_SECONDS },
		       answer = { .tv_sec = ANSWER_SECONDS };
	int version = LDAP_VERSION3, result;
	LDAP *ldap = NULL;

	result = ldap_initialize(&ldap, uri);
	if (result != LDAP_SUCCESS) {
		fail(verdict, NULL, "ldap_initialize", result);
		return NULL;
	}
	ldap_set_option(ldap, LDAP_OPT_PROTOCOL_VERSION, &version);
	ldap_set_option(ldap, LDAP_OPT_NETWORK_TIMEOUT, &connect);
	ldap_set_option(ldap, LDAP_OPT_TIMEOUT, &answer);
	if (!options->tls)
		return ldap;
	result = ldap_start_tls_s(ldap, NULL, NULL);
	if (result == LDAP_SUCCESS)
		return ldap;
	fail(verdict, ldap, "StartTLS", result);
	ldap_unbind_ext_s(ldap, NULL, NULL);
	return NULL;
}

/* ---- what it is asked ---- */

static int bind_as(LDAP *ldap, const char *name, const char *password)
{
	struct berval secret = { .bv_val = (char *)password, .bv_len = strlen(password) };

	return ldap_sasl_bind_s(ldap, name, LDAP_SASL_SIMPLE, &secret, NULL, NULL, NULL);
}

/* Only what speaks about name and password is a no. */
static bool is_refusal(int result)
{
	return result == LDAP_INVALID_CREDENTIALS || result == LDAP_NO_SUCH_OBJECT ||
	       result == LDAP_INVALID_DN_SYNTAX || result == LDAP_INAPPROPRIATE_AUTH ||
	       result == LDAP_INSUFFICIENT_ACCESS || result == LDAP_CONSTRAINT_VIOLATION;
}

static void judge_by_bind(LDAP *ldap, const char *name, const char *password,
			  struct judge_verdict *verdict)
{
	int result = bind_as(ldap, name, password);
	char step[300];

	verdict->outcome = result == LDAP_SUCCESS ? JUDGE_YES
			   : is_refusal(result)	  ? JUDGE_NO
						  : JUDGE_UNAVAILABLE;
	snprintf(step, sizeof(step), "bind as \"%.200s\"", name);
	explain(verdict, ldap, step, result);
}

static void say_found(struct judge_verdict *verdict, const char *filter, int count)
{
	verdict->outcome = JUDGE_NO;
	snprintf(verdict->why, sizeof(verdict->why), "search for \"%.300s\": %s", filter,
		 count == 0 ? "no entry" : "more than one entry");
}

/* The name of the one entry that a filter finds, to be freed with ldap_memfree. */
static char *search(LDAP *ldap, const struct ldap_options *options, const char *filter,
		    struct judge_verdict *verdict)
{
	char none[] = LDAP_NO_ATTRS;
	char *attributes[] = { none, NULL };
	LDAPMessage *found = NULL;
	char *name = NULL;
	int result = ldap_search_ext_s(ldap, options->basedn, options->scope, filter, attributes, 0,
				       NULL, NULL, NULL, 2, &found);
	int count = found != NULL ? ldap_count_entries(ldap, found) : 0;

	if (result == LDAP_SIZELIMIT_EXCEEDED || (result == LDAP_SUCCESS && count != 1))
		say_found(verdict, filter, count);
	else if (result != LDAP_SUCCESS)
		fail(verdict, ldap, "search", result);
	else
		name = ldap_get_dn(ldap, ldap_first_entry(ldap, found));
	ldap_msgfree(found);
	return name;
}

static void judge_by_search(LDAP *ldap, const struct ldap_options *options,
			    const struct judge_question *question, struct judge_verdict *verdict)
{
	struct text filter = { 0 };
	char *name = NULL;
	int result = bind_as(ldap, options->binddn != NULL ? options->binddn : "",
			     options->bindpasswd != NULL ? options->bindpasswd : "");

	if (result != LDAP_SUCCESS) {
		fail(verdict, ldap, "bind for the search (ldapbinddn)", result);
		return;
	}
	ldap_search_filter(options, question->user, &filter);
	name = search(ldap, options, text_string(&filter), verdict);
	/* An entry without a name is nobody: to bind as it would be no login. */
	if (name != NULL && *name != '\0')
		judge_by_bind(ldap, name, question->password, verdict);
	else if (name != NULL)
		say_found(verdict, text_string(&filter), 0);
	ldap_memfree(name);
	text_done(&filter);
}

static void judge_by_name(LDAP *ldap, const struct ldap_options *options,
			  const struct judge_question *question, struct judge_verdict *verdict)
{
	struct text name = { 0 };

	ldap_bind_name(options, question->user, &name);
	judge_by_bind(ldap, text_string(&name), question->password, verdict);
	text_done(&name);
}

static void ask_server(const struct ldap_options *options, const char *uri,
		       const struct judge_question *question, struct judge_verdict *verdict)
{
	LDAP *ldap = open_server(options, uri, verdict);
	char why[sizeof(verdict->why)];

	if (ldap != NULL) {
		if (ldap_options_search(options))
			judge_by_search(ldap, options, question, verdict);
		else
			judge_by_name(ldap, options, question, verdict);
		ldap_unbind_ext_s(ldap, NULL, NULL);
	}
	memcpy(why, verdict->why, sizeof(why));
	snprintf(verdict->why, sizeof(verdict->why), "%.150s: %.350s", uri, why);
}

/* ---- of several servers ---- */

/* Those that gave no answer, by the hash of their URI: a helper's own memory. */
static struct avoided {
	uint64_t uri;
	usec_t until;
} avoided[AVOIDED_MAX];

/* The place of a URI, or the one that is free for the longest time. */
static struct avoided *place_of(uint64_t uri)
{
	struct avoided *place = &avoided[0];

	for (unsigned i = 0; i < AVOIDED_MAX; i++) {
		if (avoided[i].uri == uri)
			return &avoided[i];
		if (avoided[i].until < place->until)
			place = &avoided[i];
	}
	return place;
}

/* Since before this question, which began then: or what it just found would be asked again. */
static bool is_avoided(uint64_t uri, usec_t began)
{
	const struct avoided *place = place_of(uri);

	return place->uri == uri && began < place->until && place->until < began + AVOID;
}

static void note_outcome(uint64_t uri, enum judge_outcome outcome)
{
	struct avoided *place = place_of(uri);

	clock_update();
	if (outcome == JUDGE_UNAVAILABLE)
		*place = (struct avoided){ uri, clock_now() + AVOID };
	else if (place->uri == uri)
		place->until = 0;
}

/* Those that are avoided, or the others, until one says yes or no. */
static void ask_servers(const struct ldap_options *options, const char *uris, bool whom,
			usec_t began, const struct judge_question *question,
			struct judge_verdict *verdict)
{
	while (*uris != '\0' && verdict->outcome == JUDGE_UNAVAILABLE) {
		size_t len = strcspn(uris, " ");
		uint64_t hash = map_hash(uris, len);
		char *uri;

		if (is_avoided(hash, began) == whom) {
			uri = mem_string_n(uris, len);
			ask_server(options, uri, question, verdict);
			note_outcome(hash, verdict->outcome);
			free(uri);
		}
		uris += len + (uris[len] == ' ');
	}
}

void ldap_judge(const struct judge_question *question, struct judge_verdict *verdict)
{
	struct ldap_options options;
	struct text uris = { 0 };
	char why[200];
	usec_t began;

	clock_update();
	began = clock_now();
	verdict->outcome = JUDGE_UNAVAILABLE;
	if (!ldap_options_read(&options, question->words, why, sizeof(why))) {
		snprintf(verdict->why, sizeof(verdict->why), "options: %s", why);
	} else if (find_servers(&options, &uris, verdict)) {
		ask_servers(&options, text_string(&uris), false, began, question, verdict);
		ask_servers(&options, text_string(&uris), true, began, question, verdict);
	}
	text_done(&uris);
	ldap_options_done(&options);
}
