/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_AUTH_SCRAM_H
#define PGWEIR_AUTH_SCRAM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/text.h"

/*
 * SCRAM-SHA-256 (RFC 5802, RFC 7677) as PostgreSQL speaks it, both roles: the server's towards
 * clients, the client's towards servers.  Without channel binding: a client may say "n" or "y".
 */
#define SCRAM_MECHANISM "SCRAM-SHA-256"
#define SCRAM_KEY_LEN 32u
#define SCRAM_SALT_MAX 64u
#define SCRAM_SALT_DEFAULT 16u
#define SCRAM_ITERATIONS_DEFAULT 4096u

/* More is refused from servers and secrets: the hashing would stop the loop (1 s). */
#define SCRAM_ITERATIONS_MAX 1000000u

/* The longest message taken from a peer, as in PostgreSQL. */
#define SCRAM_MESSAGE_MAX 1024u

/* What a server stores of a password: SCRAM-SHA-256$iterations:salt$StoredKey:ServerKey. */
struct scram_secret {
	uint32_t iterations;
	uint32_t salt_len;
	uint8_t salt[SCRAM_SALT_MAX];
	uint8_t stored_key[SCRAM_KEY_LEN];
	uint8_t server_key[SCRAM_KEY_LEN];
};

/*
 * What a client can log in with instead of the password, valid for one salt and number of
 * iterations; salt_len 0: it holds nothing.
 */
struct scram_keys {
	uint32_t iterations;
	uint32_t salt_len;
	uint8_t salt[SCRAM_SALT_MAX];
	uint8_t client_key[SCRAM_KEY_LEN];
	uint8_t server_key[SCRAM_KEY_LEN];
};

/* Whether `text` begins as a SCRAM secret does; scram_secret_read says if it is a good one. */
bool scram_is_secret(const char *text);

/* Reads the stored form; false if it is malformed or beyond the limits. */
bool scram_secret_read(const char *text, struct scram_secret *secret);

/* Appends the stored form. */
void scram_secret_write(const struct scram_secret *secret, struct text *text);

/* The secret of a password under a given salt (1 .. SCRAM_SALT_MAX bytes): slow by design. */
bool scram_secret_make(const char *password, const uint8_t *salt, size_t salt_len,
		       uint32_t iterations, struct scram_secret *secret);

/* The number of iterations of the secrets that we make ourselves from now on (scram_iterations). */
void scram_set_iterations(uint32_t iterations);

/*
 * A secret that nobody can satisfy, the same for a user as long as the process lives.  Its salt
 * and number of iterations are also those for plain secrets, so that both look the same.
 */
bool scram_secret_mock(const char *user, struct scram_secret *secret);

/* Whether a plain password satisfies a secret; slow by design. */
bool scram_verify_plain(const struct scram_secret *secret, const char *password);

/*
 * A password as SCRAM hashes it (SASLprep, RFC 4013); as PostgreSQL does, the bytes themselves if
 * they are not UTF-8 or hold what the profile prohibits.  Also left as they are: passwords above
 * 1024 bytes, and all that are not ASCII in a build without libidn.  To be wiped and freed by the
 * caller.
 */
char *scram_prepare_password(const char *password);

enum scram_step {
	SCRAM_MORE,    /* send what was written, wait for the next message */
	SCRAM_DONE,    /* as server: send what was written, the client is who it says */
	SCRAM_REFUSED, /* wrong password */
	SCRAM_BROKEN,  /* the peer breaks the protocol: `why` */
};

/* The server's side.  Zero it, start it, feed it two messages, done it. */
struct scram_server {
	int state;
	bool mock;
	char binding; /* what the client said of channel binding: 'n' or 'y' */
	struct scram_secret secret;
	char server_nonce[32];	/* made at random unless set before start */
	struct text nonce;	/* the client's and ours */
	struct text transcript; /* what is signed */
	struct scram_keys keys; /* after DONE: what the client's password gives */
	const char *why;	/* static text; for the log, and for the client if BROKEN */
};

/* `mock`: refuse in any case, but only at the end.  The secret is copied.  False: no randomness. */
bool scram_server_start(struct scram_server *server, const struct scram_secret *secret, bool mock);

/* Takes a client's message; what to send is appended to `out`. */
enum scram_step scram_server_input(struct scram_server *server, const void *data, size_t len,
				   struct text *out);

/* Wipes and frees; allowed on a zeroed struct. */
void scram_server_done(struct scram_server *server);

/* The client's side.  Zero it, start it, feed it two messages, done it. */
struct scram_client {
	int state;
	const char *user;     /* "" as PostgreSQL wants it */
	const char *password; /* the caller's, until done; NULL: keys only */
	struct scram_keys *keys;
	char client_nonce[32]; /* made at random unless set before start */
	struct text transcript;
	uint8_t server_signature[SCRAM_KEY_LEN];
	const char *why;
};

/*
 * Starts with a password, or with keys alone (pass-through).  `keys`, if not NULL, is also the
 * memory of what a password gave under the server's salt: the next login with it does not hash.
 * It knows salts, not passwords: its owner wipes it when the password changes.
 * The client-first-message is appended to `out`.
 */
bool scram_client_start(struct scram_client *client, const char *password, struct scram_keys *keys,
			struct text *out);

/* Takes the server's first message (MORE) and its last (DONE: it knows the secret as well). */
enum scram_step scram_client_input(struct scram_client *client, const void *data, size_t len,
				   struct text *out);
void scram_client_done(struct scram_client *client);

#endif
