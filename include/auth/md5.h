/* SPDX-License-Identifier: ISC */
#ifndef PGWEIR_AUTH_MD5_H
#define PGWEIR_AUTH_MD5_H

#include <stdbool.h>
#include <stdint.h>

/*
 * PostgreSQL's MD5 passwords.  A secret is "md5" and 32 hexadecimal digits of md5(password user);
 * an answer to a challenge is the same of md5(the secret's digits, salt).
 */
#define MD5_SECRET_SIZE 36u /* with NUL */
#define MD5_SALT_LEN 4u

/* Whether `text` has the form of a secret. */
bool md5_is_secret(const char *text);

/* The secret of a user; false if the library refuses MD5 (FIPS). */
bool md5_secret(const char *password, const char *user, char secret[MD5_SECRET_SIZE]);

/* The answer to a server's salt from a secret. */
bool md5_answer(const char *secret, const uint8_t salt[MD5_SALT_LEN], char answer[MD5_SECRET_SIZE]);

/* Whether `answer` is the right one; in constant time. */
bool md5_verify(const char *secret, const uint8_t salt[MD5_SALT_LEN], const char *answer);

#endif
