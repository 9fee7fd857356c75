/* SPDX-License-Identifier: ISC */
/* PostgreSQL's MD5 passwords. */
#include "auth/md5.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>

#include "base/mem.h"

#define HEX_LEN 32u

bool md5_is_secret(const char *text)
{
	return strncmp(text, "md5", 3) == 0 && strlen(text) == MD5_SECRET_SIZE - 1 &&
	       strspn(text + 3, "0123456789abcdef") == HEX_LEN;
}

/* "md5" and the digits of md5(a b). */
static bool digest(const void *a, size_t a_len, const void *b, size_t b_len,
		   char secret[MD5_SECRET_SIZE])
{
	static const char digits[] = "0123456789abcdef";
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned char sum[16];
	unsigned i;
	bool ok;

	ok = ctx != NULL && EVP_DigestInit_ex(ctx, EVP_md5(), NULL) == 1 &&
	     EVP_DigestUpdate(ctx, a, a_len) == 1 && EVP_DigestUpdate(ctx, b, b_len) == 1 &&
	     EVP_DigestFinal_ex(ctx, sum, NULL) == 1;
	EVP_MD_CTX_free(ctx);
	if (!ok)
		return false;
	memcpy(secret, "md5", 3);
	for (i = 0; i < sizeof(sum); i++) {
		secret[3 + 2 * i] = digits[sum[i] >> 4];
		secret[4 + 2 * i] = digits[sum[i] & 15];
	}
	secret[MD5_SECRET_SIZE - 1] = '\0';
	mem_wipe(sum, sizeof(sum));
	return true;
}

bool md5_secret(const char *password, const char *user, char secret[MD5_SECRET_SIZE])
{
	return digest(password, strlen(password), user, strlen(user), secret);
}

bool md5_answer(const char *secret, const uint8_t salt[MD5_SALT_LEN], char answer[MD5_SECRET_SIZE])
{
	return md5_is_secret(secret) && digest(secret + 3, HEX_LEN, salt, MD5_SALT_LEN, answer);
}

bool md5_verify(const char *secret, const uint8_t salt[MD5_SALT_LEN], const char *answer)
{
	char right[MD5_SECRET_SIZE];
	bool same;

	if (!md5_answer(secret, salt, right))
		return false;
	same = strlen(answer) == MD5_SECRET_SIZE - 1 &&
	       CRYPTO_memcmp(right, answer, MD5_SECRET_SIZE) == 0;
	mem_wipe(right, sizeof(right));
	return same;
}
