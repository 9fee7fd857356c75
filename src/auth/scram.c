/* SPDX-License-Identifier: ISC */
/*
 * SCRAM-SHA-256, RFC 5802 section 3:
 *
 *	SaltedPassword  := PBKDF2(SASLprep(password), salt, i)
 *	ClientKey       := HMAC(SaltedPassword, "Client Key")
 *	StoredKey       := H(ClientKey)
 *	ServerKey       := HMAC(SaltedPassword, "Server Key")
 *	AuthMessage     := client-first-bare , server-first , client-final-without-proof
 *	ClientProof     := ClientKey XOR HMAC(StoredKey, AuthMessage)
 *	ServerSignature := HMAC(ServerKey, AuthMessage)
 *
 * A server that has only StoredKey learns ClientKey from a right proof: with it and ServerKey it
 * can log in elsewhere, wherever salt and iterations are the same.
 */
#include "auth/scram.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <stdlib.h>
#include <string.h>
#ifdef HAVE_LIBIDN
#include <stringprep.h>
#endif

#include "base/mem.h"

/* Random bytes of our nonces, as in PostgreSQL; 24 characters of base64. */
#define NONCE_LEN 18u

/*
 * The longest password that goes through SASLprep: ordering the marks of a longer one can take
 * time with the square of its length, and anybody can send one.
 */
#define PREPARE_MAX 1024u

enum scram_state {
	STATE_FIRST, /* as server: client-first is next; as client: server-first */
	STATE_FINAL,
	STATE_OVER,
};

/* Hashes. */

static bool hmac(const uint8_t key[SCRAM_KEY_LEN], const void *data, size_t len,
		 uint8_t out[SCRAM_KEY_LEN])
{
	return HMAC(EVP_sha256(), key, SCRAM_KEY_LEN, data, len, out, NULL) != NULL;
}

static bool hash(const uint8_t key[SCRAM_KEY_LEN], uint8_t out[SCRAM_KEY_LEN])
{
	return EVP_Digest(key, SCRAM_KEY_LEN, out, NULL, EVP_sha256(), NULL) == 1;
}

static bool sign(const uint8_t key[SCRAM_KEY_LEN], const struct text *transcript,
		 uint8_t out[SCRAM_KEY_LEN])
{
	return hmac(key, text_string(transcript), transcript->len, out);
}

static void exclusive_or(uint8_t *a, const uint8_t *b)
{
	unsigned i;

	for (i = 0; i < SCRAM_KEY_LEN; i++)
		a[i] ^= b[i];
}

/* Base64 as SCRAM wants it: no blanks, padded.  False if malformed or above `size` bytes. */
static bool base64_read(const char *s, size_t len, uint8_t *out, size_t size, size_t *out_len)
{
	static const char letters[] =
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	uint8_t bytes[SCRAM_MESSAGE_MAX];
	size_t padding = 0;
	size_t i;

	if (len == 0 || len % 4 != 0 || len > sizeof(bytes))
		return false;
	while (padding < 2 && s[len - 1 - padding] == '=')
		padding++;
	for (i = 0; i < len - padding; i++) {
		if (s[i] == '\0' || strchr(letters, s[i]) == NULL)
			return false;
	}
	*out_len = len / 4 * 3 - padding;
	if (*out_len > size || EVP_DecodeBlock(bytes, (const uint8_t *)s, (int)len) < 0)
		return false;
	memcpy(out, bytes, *out_len);
	mem_wipe(bytes, sizeof(bytes));
	return true;
}

static void base64_add(struct text *text, const void *data, size_t len)
{
	char encoded[(SCRAM_SALT_MAX + 2) / 3 * 4 + 1];

	EVP_EncodeBlock((uint8_t *)encoded, data, (int)len);
	text_add(text, encoded);
}

static bool make_nonce(char nonce[32])
{
	uint8_t bytes[NONCE_LEN];

	if (RAND_bytes(bytes, sizeof(bytes)) != 1)
		return false;
	EVP_EncodeBlock((uint8_t *)nonce, bytes, sizeof(bytes));
	return true;
}

static void wipe_text(struct text *text)
{
	mem_wipe(text->data, text->cap);
	text_done(text);
}

/* Passwords and secrets. */

static bool is_ascii(const char *s)
{
	while (*s != '\0' && (unsigned char)*s < 0x80)
		s++;
	return *s == '\0';
}

#ifdef HAVE_LIBIDN
static char *run_saslprep(const char *password)
{
	/* Compatibility forms grow at most from 3 to 33 bytes. */
	size_t size = strlen(password) * 11 + 1;
	char *prepared = mem_zero(size);

	memcpy(prepared, password, strlen(password));
	if (stringprep(prepared, size, STRINGPREP_NO_UNASSIGNED, stringprep_saslprep) ==
		    STRINGPREP_OK &&
	    prepared[0] != '\0')
		return prepared;
	mem_wipe(prepared, size);
	free(prepared);
	return mem_string(password);
}
#else
static char *run_saslprep(const char *password)
{
	return mem_string(password);
}
#endif

char *scram_prepare_password(const char *password)
{
	if (is_ascii(password) || strlen(password) > PREPARE_MAX)
		return mem_string(password);
	return run_saslprep(password);
}

/* Both keys of a password; slow by design. */
static bool derive_keys(const char *password, const uint8_t *salt, size_t salt_len,
			uint32_t iterations, struct scram_keys *keys)
{
	uint8_t salted[SCRAM_KEY_LEN];
	char *prepared;
	bool ok;

	if (salt_len == 0 || salt_len > SCRAM_SALT_MAX || iterations == 0 ||
	    iterations > SCRAM_ITERATIONS_MAX)
		return false;
	prepared = scram_prepare_password(password);
	ok = PKCS5_PBKDF2_HMAC(prepared, (int)strlen(prepared), salt, (int)salt_len,
			       (int)iterations, EVP_sha256(), sizeof(salted), salted) == 1 &&
	     hmac(salted, "Client Key", 10, keys->client_key) &&
	     hmac(salted, "Server Key", 10, keys->server_key);
	mem_wipe(salted, sizeof(salted));
	mem_wipe(prepared, strlen(prepared));
	free(prepared);
	memmove(keys->salt, salt, salt_len);
	keys->salt_len = ok ? (uint32_t)salt_len : 0;
	keys->iterations = iterations;
	return ok;
}

bool scram_is_secret(const char *text)
{
	return strncmp(text, "SCRAM-SHA-256$", 14) == 0;
}

/* A decimal number of at most `max`; false if it is none or 0. */
static bool read_count(const char *s, size_t len, uint32_t max, uint32_t *count)
{
	uint64_t n = 0;
	size_t i;

	if (len == 0 || len > 10)
		return false;
	for (i = 0; i < len; i++) {
		if (s[i] < '0' || s[i] > '9')
			return false;
		n = n * 10 + (uint64_t)(s[i] - '0');
	}
	*count = (uint32_t)n;
	return n > 0 && n <= max;
}

/* Splits at a separator, which must be there. */
static bool take_until(const char **at, char separator, const char **start, size_t *len)
{
	const char *end = strchr(*at, separator);

	if (end == NULL)
		return false;
	*start = *at;
	*len = (size_t)(end - *at);
	*at = end + 1;
	return true;
}

static bool read_key(const char *s, size_t len, uint8_t key[SCRAM_KEY_LEN])
{
	size_t key_len;

	return base64_read(s, len, key, SCRAM_KEY_LEN, &key_len) && key_len == SCRAM_KEY_LEN;
}

bool scram_secret_read(const char *text, struct scram_secret *secret)
{
	const char *at = text + 14;
	const char *part;
	size_t salt_len;
	size_t len;

	memset(secret, 0, sizeof(*secret));
	if (!scram_is_secret(text) || !take_until(&at, ':', &part, &len) ||
	    !read_count(part, len, SCRAM_ITERATIONS_MAX, &secret->iterations) ||
	    !take_until(&at, '$', &part, &len) ||
	    !base64_read(part, len, secret->salt, sizeof(secret->salt), &salt_len) ||
	    salt_len == 0 || !take_until(&at, ':', &part, &len) ||
	    !read_key(part, len, secret->stored_key) ||
	    !read_key(at, strlen(at), secret->server_key)) {
		mem_wipe(secret, sizeof(*secret));
		return false;
	}
	secret->salt_len = (uint32_t)salt_len;
	return true;
}

void scram_secret_write(const struct scram_secret *secret, struct text *text)
{
	text_printf(text, "SCRAM-SHA-256$%" PRIu32 ":", secret->iterations);
	base64_add(text, secret->salt, secret->salt_len);
	text_add_char(text, '$');
	base64_add(text, secret->stored_key, SCRAM_KEY_LEN);
	text_add_char(text, ':');
	base64_add(text, secret->server_key, SCRAM_KEY_LEN);
}

bool scram_secret_make(const char *password, const uint8_t *salt, size_t salt_len,
		       uint32_t iterations, struct scram_secret *secret)
{
	struct scram_keys keys;
	bool ok;

	memset(secret, 0, sizeof(*secret));
	memset(&keys, 0, sizeof(keys));
	ok = derive_keys(password, salt, salt_len, iterations, &keys) &&
	     hash(keys.client_key, secret->stored_key);
	if (ok) {
		secret->iterations = iterations;
		secret->salt_len = keys.salt_len;
		memcpy(secret->salt, keys.salt, sizeof(keys.salt));
		memcpy(secret->server_key, keys.server_key, SCRAM_KEY_LEN);
	}
	mem_wipe(&keys, sizeof(keys));
	return ok;
}

static uint32_t own_iterations = SCRAM_ITERATIONS_DEFAULT;

void scram_set_iterations(uint32_t iterations)
{
	own_iterations = iterations;
}

bool scram_secret_mock(const char *user, struct scram_secret *secret)
{
	static uint8_t process_key[SCRAM_KEY_LEN];
	static bool has_key;
	uint8_t salt[SCRAM_KEY_LEN];

	memset(secret, 0, sizeof(*secret));
	if (!has_key && RAND_bytes(process_key, sizeof(process_key)) != 1)
		return false;
	has_key = true;
	if (!hmac(process_key, user, strlen(user), salt) ||
	    !hmac(salt, "Stored Key", 10, secret->stored_key) ||
	    !hmac(salt, "Server Key", 10, secret->server_key))
		return false;
	secret->iterations = own_iterations;
	secret->salt_len = SCRAM_SALT_DEFAULT;
	memcpy(secret->salt, salt, SCRAM_SALT_DEFAULT);
	return true;
}

bool scram_verify_plain(const struct scram_secret *secret, const char *password)
{
	struct scram_secret made;
	bool same;

	same = scram_secret_make(password, secret->salt, secret->salt_len, secret->iterations,
				 &made) &&
	       CRYPTO_memcmp(made.stored_key, secret->stored_key, SCRAM_KEY_LEN) == 0;
	mem_wipe(&made, sizeof(made));
	return same;
}

/* Messages: attributes "x=value" with commas between them. */

struct attributes {
	const char *p;
	const char *end;
};

/* Takes the next attribute, which must have this name ('*': any), and the comma behind it. */
static bool take_attribute(struct attributes *in, char name, const char **value, size_t *len)
{
	const char *comma;

	if (in->end - in->p < 2 || in->p[1] != '=' || (name != '*' && in->p[0] != name))
		return false;
	*value = in->p + 2;
	comma = memchr(*value, ',', (size_t)(in->end - *value));
	*len = (size_t)((comma != NULL ? comma : in->end) - *value);
	in->p = comma != NULL ? comma + 1 : in->end;
	return true;
}

/* The characters that a nonce may have: printable ASCII without comma. */
static bool is_nonce(const char *s, size_t len)
{
	size_t i;

	for (i = 0; i < len; i++) {
		if (s[i] < 0x21 || s[i] > 0x7e || s[i] == ',')
			return false;
	}
	return len > 0;
}

static bool is_message(const char *data, size_t len)
{
	return len > 0 && len <= SCRAM_MESSAGE_MAX && memchr(data, 0, len) == NULL;
}

/* The server's role. */

static enum scram_step break_server(struct scram_server *server, const char *why)
{
	server->state = STATE_OVER;
	server->why = why;
	return SCRAM_BROKEN;
}

bool scram_server_start(struct scram_server *server, const struct scram_secret *secret, bool mock)
{
	server->state = STATE_FIRST;
	server->secret = *secret;
	server->mock = mock;
	/* Only tests choose the nonce. */
	return server->server_nonce[0] != '\0' || make_nonce(server->server_nonce);
}

static enum scram_step read_client_first(struct scram_server *server, struct attributes *in,
					 struct text *out)
{
	const char *bare;
	const char *value;
	size_t first;
	size_t len;

	server->binding = *in->p;
	if (*in->p == 'p')
		return break_server(server, "channel binding is not supported");
	if ((*in->p != 'n' && *in->p != 'y') || in->end - in->p < 3 || in->p[1] != ',')
		return break_server(server, "malformed channel binding flag");
	if (in->p[2] == 'a')
		return break_server(server, "authorization identities are not supported");
	if (in->p[2] != ',')
		return break_server(server, "malformed authorization identity");
	in->p += 3;
	bare = in->p;
	if (in->p < in->end && *in->p == 'm')
		return break_server(server, "mandatory extensions are not supported");
	/* The name here counts for nothing: that of the startup packet does. */
	if (!take_attribute(in, 'n', &value, &len))
		return break_server(server, "malformed user name");
	if (!take_attribute(in, 'r', &value, &len) || !is_nonce(value, len))
		return break_server(server, "malformed nonce");

	text_add_n(&server->nonce, value, len);
	text_add(&server->nonce, server->server_nonce);
	first = out->len;
	text_printf(out, "r=%s,s=", text_string(&server->nonce));
	base64_add(out, server->secret.salt, server->secret.salt_len);
	text_printf(out, ",i=%" PRIu32, server->secret.iterations);

	text_add_n(&server->transcript, bare, (size_t)(in->end - bare));
	text_add_char(&server->transcript, ',');
	text_add_n(&server->transcript, out->data + first, out->len - first);
	text_add_char(&server->transcript, ',');
	server->state = STATE_FINAL;
	return SCRAM_MORE;
}

/* Finds ClientKey in the proof; false if it is not the one that StoredKey is made of. */
static bool check_proof(struct scram_server *server, const uint8_t proof[SCRAM_KEY_LEN])
{
	uint8_t key[SCRAM_KEY_LEN];
	uint8_t stored[SCRAM_KEY_LEN];
	bool same;

	same = sign(server->secret.stored_key, &server->transcript, key);
	exclusive_or(key, proof);
	same = same && hash(key, stored) &&
	       CRYPTO_memcmp(stored, server->secret.stored_key, SCRAM_KEY_LEN) == 0;
	if (same && !server->mock) {
		server->keys.iterations = server->secret.iterations;
		server->keys.salt_len = server->secret.salt_len;
		memcpy(server->keys.salt, server->secret.salt, SCRAM_SALT_MAX);
		memcpy(server->keys.client_key, key, SCRAM_KEY_LEN);
		memcpy(server->keys.server_key, server->secret.server_key, SCRAM_KEY_LEN);
	}
	mem_wipe(key, sizeof(key));
	return same && !server->mock;
}

static enum scram_step read_client_final(struct scram_server *server, struct attributes *in,
					 struct text *out)
{
	/* "n,," and "y,,", which the client must repeat. */
	const char *header = server->binding == 'y' ? "eSws" : "biws";
	const char *start = in->p;
	const char *value;
	const char *bare_end;
	uint8_t proof[SCRAM_KEY_LEN];
	uint8_t signature[SCRAM_KEY_LEN];
	size_t len;

	if (!take_attribute(in, 'c', &value, &len))
		return break_server(server, "malformed channel binding");
	if (len != 4 || memcmp(value, header, 4) != 0)
		return break_server(server, "channel binding does not match");
	if (!take_attribute(in, 'r', &value, &len))
		return break_server(server, "malformed nonce");
	if (len != server->nonce.len || CRYPTO_memcmp(value, text_string(&server->nonce), len) != 0)
		return break_server(server, "nonce does not match");
	do {
		bare_end = in->p - 1; /* the comma */
		if (!take_attribute(in, '*', &value, &len))
			return break_server(server, "malformed proof");
	} while (value[-2] != 'p');
	if (in->p != in->end || value + len != in->end || !read_key(value, len, proof))
		return break_server(server, "malformed proof");

	text_add_n(&server->transcript, start, (size_t)(bare_end - start));
	server->state = STATE_OVER;
	if (!check_proof(server, proof) ||
	    !sign(server->secret.server_key, &server->transcript, signature)) {
		mem_wipe(&server->keys, sizeof(server->keys));
		server->why = "proof does not match";
		return SCRAM_REFUSED;
	}
	text_add(out, "v=");
	base64_add(out, signature, sizeof(signature));
	return SCRAM_DONE;
}

enum scram_step scram_server_input(struct scram_server *server, const void *data, size_t len,
				   struct text *out)
{
	struct attributes in = { data, (const char *)data + len };

	if (!is_message(data, len))
		return break_server(server, "malformed message");
	switch (server->state) {
	case STATE_FIRST:
		return read_client_first(server, &in, out);
	case STATE_FINAL:
		return read_client_final(server, &in, out);
	default:
		return break_server(server, "message after the end");
	}
}

void scram_server_done(struct scram_server *server)
{
	wipe_text(&server->nonce);
	wipe_text(&server->transcript);
	mem_wipe(server, sizeof(*server));
}

/* The client's role. */

static enum scram_step stop_client(struct scram_client *client, enum scram_step step,
				   const char *why)
{
	client->state = STATE_OVER;
	client->why = why;
	return step;
}

bool scram_client_start(struct scram_client *client, const char *password, struct scram_keys *keys,
			struct text *out)
{
	client->state = STATE_FIRST;
	client->password = password;
	client->keys = keys;
	if (client->user == NULL)
		client->user = "";
	if (client->client_nonce[0] == '\0' && !make_nonce(client->client_nonce))
		return false;
	text_printf(&client->transcript, "n=%s,r=%s", client->user, client->client_nonce);
	text_printf(out, "n,,%s", text_string(&client->transcript));
	return true;
}

/* The keys for this salt: those at hand if they fit, else from the password. */
static enum scram_step find_keys(struct scram_client *client, const uint8_t *salt, size_t salt_len,
				 uint32_t iterations, struct scram_keys *keys)
{
	if (client->keys != NULL && client->keys->salt_len == salt_len &&
	    client->keys->iterations == iterations &&
	    memcmp(client->keys->salt, salt, salt_len) == 0) {
		*keys = *client->keys;
		return SCRAM_MORE;
	}
	if (client->password == NULL)
		return stop_client(client, SCRAM_REFUSED,
				   "the server's SCRAM secret has another salt than ours");
	if (!derive_keys(client->password, salt, salt_len, iterations, keys))
		return stop_client(client, SCRAM_BROKEN, "SCRAM hashing failed");
	if (client->keys != NULL)
		*client->keys = *keys;
	return SCRAM_MORE;
}

/* The proof of the finished transcript, and what the server must answer. */
static bool make_proof(struct scram_client *client, const struct scram_keys *keys,
		       uint8_t proof[SCRAM_KEY_LEN])
{
	uint8_t stored[SCRAM_KEY_LEN];
	bool ok;

	memset(proof, 0, SCRAM_KEY_LEN);
	ok = hash(keys->client_key, stored) && sign(stored, &client->transcript, proof) &&
	     sign(keys->server_key, &client->transcript, client->server_signature);
	exclusive_or(proof, keys->client_key);
	mem_wipe(stored, sizeof(stored));
	return ok;
}

static enum scram_step read_server_first(struct scram_client *client, struct attributes *in,
					 struct text *out)
{
	const char *start = in->p;
	size_t nonce_len = strlen(client->client_nonce);
	struct scram_keys keys = { 0 };
	uint8_t salt[SCRAM_SALT_MAX];
	uint8_t proof[SCRAM_KEY_LEN];
	uint32_t iterations;
	const char *nonce;
	const char *value;
	enum scram_step step;
	size_t salt_len;
	size_t len;
	size_t value_len;
	size_t first;
	bool ok;

	if (!take_attribute(in, 'r', &nonce, &len) || !is_nonce(nonce, len))
		return stop_client(client, SCRAM_BROKEN, "malformed SCRAM nonce");
	if (len <= nonce_len || memcmp(nonce, client->client_nonce, nonce_len) != 0)
		return stop_client(client, SCRAM_BROKEN, "SCRAM nonce does not match");
	if (!take_attribute(in, 's', &value, &value_len) ||
	    !base64_read(value, value_len, salt, sizeof(salt), &salt_len) || salt_len == 0)
		return stop_client(client, SCRAM_BROKEN, "malformed SCRAM salt");
	if (!take_attribute(in, 'i', &value, &value_len) ||
	    !read_count(value, value_len, SCRAM_ITERATIONS_MAX, &iterations))
		return stop_client(client, SCRAM_BROKEN, "malformed SCRAM iteration count");
	if (value + value_len != in->end)
		return stop_client(client, SCRAM_BROKEN, "garbage after the SCRAM iteration count");

	step = find_keys(client, salt, salt_len, iterations, &keys);
	if (step != SCRAM_MORE)
		return step;
	text_add_char(&client->transcript, ',');
	text_add_n(&client->transcript, start, (size_t)(in->end - start));
	text_add_char(&client->transcript, ',');
	first = client->transcript.len;
	text_add(&client->transcript, "c=biws,r=");
	text_add_n(&client->transcript, nonce, len);
	ok = make_proof(client, &keys, proof);
	mem_wipe(&keys, sizeof(keys));
	if (!ok)
		return stop_client(client, SCRAM_BROKEN, "SCRAM hashing failed");
	text_add(out, client->transcript.data + first);
	text_add(out, ",p=");
	base64_add(out, proof, sizeof(proof));
	client->state = STATE_FINAL;
	return SCRAM_MORE;
}

static enum scram_step read_server_final(struct scram_client *client, struct attributes *in)
{
	uint8_t signature[SCRAM_KEY_LEN];
	const char *value;
	size_t len;

	if (take_attribute(in, 'e', &value, &len))
		return stop_client(client, SCRAM_REFUSED, "refused by the server");
	if (!take_attribute(in, 'v', &value, &len) || value + len != in->end ||
	    !read_key(value, len, signature))
		return stop_client(client, SCRAM_BROKEN, "malformed SCRAM server signature");
	if (CRYPTO_memcmp(signature, client->server_signature, SCRAM_KEY_LEN) != 0)
		return stop_client(client, SCRAM_BROKEN, "invalid server signature");
	client->state = STATE_OVER;
	return SCRAM_DONE;
}

enum scram_step scram_client_input(struct scram_client *client, const void *data, size_t len,
				   struct text *out)
{
	struct attributes in = { data, (const char *)data + len };

	if (!is_message(data, len))
		return stop_client(client, SCRAM_BROKEN, "malformed SCRAM message");
	switch (client->state) {
	case STATE_FIRST:
		return read_server_first(client, &in, out);
	case STATE_FINAL:
		return read_server_final(client, &in);
	default:
		return stop_client(client, SCRAM_BROKEN, "SCRAM message after the end");
	}
}

void scram_client_done(struct scram_client *client)
{
	wipe_text(&client->transcript);
	mem_wipe(client, sizeof(*client));
}
