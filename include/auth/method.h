/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_AUTH_METHOD_H
#define PGWEIR_AUTH_METHOD_H

#include <stdbool.h>

#include "auth/secrets.h"

/* How a client proves who it is: values of auth_type, and methods of a line of the HBA file. */
enum auth_method {
	METHOD_TRUST,
	METHOD_ANY,
	METHOD_PLAIN, /* "password" in an HBA file */
	METHOD_MD5,
	METHOD_SCRAM,
	METHOD_CERT,
	METHOD_PEER,
	METHOD_REJECT,
	METHOD_HBA,
	METHOD_LDAP,
	METHOD_PAM,
	METHOD_COUNT,
};

/* Where a method's name may stand. */
enum method_place {
	METHOD_IN_AUTH_TYPE = 1,
	METHOD_IN_HBA = 2,
};

/* Finds a method by the name it has at a place; false if there is none. */
bool method_find(const char *name, enum method_place place, enum auth_method *method);

/* The name in auth_type. */
const char *method_name(enum auth_method method);

/* What is to be asked of the client. */
enum auth_ask {
	ASK_NOTHING,	 /* it is let in */
	ASK_REFUSE,	 /* it is refused without being asked */
	ASK_PLAIN,	 /* its password, compared with the secret */
	ASK_MD5,	 /* an MD5 answer */
	ASK_SCRAM,	 /* a SCRAM exchange */
	ASK_ELSEWHERE,	 /* its password, checked by LDAP or PAM */
	ASK_CERTIFICATE, /* nothing here: the TLS certificate decides */
	ASK_PEER,	 /* nothing here: the user of the other process decides */
};

/*
 * What a method asks given the kind of the secret: md5 of a SCRAM secret is SCRAM.  An unknown
 * user has SECRET_NONE and is asked as others are.  METHOD_HBA must have been resolved: REFUSE.
 */
enum auth_ask method_ask(enum auth_method method, enum secret_kind kind);

/* What a step of an exchange led to; for verify.h and answer.h. */
enum auth_step {
	AUTH_MORE, /* send what was written, wait for the next message */
	AUTH_OK,
	AUTH_FAILED,
	AUTH_ELSEWHERE, /* verify only: the password is there, LDAP or PAM must judge it */
};

#endif
