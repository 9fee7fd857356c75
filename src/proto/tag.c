/* SPDX-License-Identifier: ISC */
/* Reads the tags of CommandComplete (PostgreSQL: cmdtaglist.h). */
#include "proto/tag.h"

#include <string.h>

#include "base/bytes.h"
#include "proto/message.h"

static const struct {
	const char *words;
	enum tag tag;
} tags[] = {
	{ "SELECT", TAG_SELECT },
	{ "INSERT", TAG_INSERT },
	{ "UPDATE", TAG_UPDATE },
	{ "DELETE", TAG_DELETE },
	{ "BEGIN", TAG_BEGIN },
	{ "COMMIT", TAG_COMMIT },
	{ "ROLLBACK", TAG_ROLLBACK },
	{ "SET", TAG_SET },
	{ "SHOW", TAG_SHOW },
	{ "COPY", TAG_COPY },
	{ "FETCH", TAG_FETCH },
	{ "MERGE", TAG_MERGE },
	{ "MOVE", TAG_MOVE },
	{ "SAVEPOINT", TAG_SAVEPOINT },
	{ "RELEASE", TAG_RELEASE },
	{ "START TRANSACTION", TAG_BEGIN },
	{ "PREPARE TRANSACTION", TAG_PREPARE_TRANSACTION },
	{ "COMMIT PREPARED", TAG_COMMIT_PREPARED },
	{ "ROLLBACK PREPARED", TAG_ROLLBACK_PREPARED },
	{ "SET CONSTRAINTS", TAG_SET_CONSTRAINTS },
	{ "RESET", TAG_RESET },
	{ "DISCARD ALL", TAG_DISCARD_ALL },
	{ "DISCARD", TAG_DISCARD },
	{ "DISCARD PLANS", TAG_DISCARD },
	{ "DISCARD SEQUENCES", TAG_DISCARD },
	{ "DISCARD TEMP", TAG_DISCARD },
	{ "PREPARE", TAG_PREPARE },
	{ "DEALLOCATE", TAG_DEALLOCATE },
	{ "DEALLOCATE ALL", TAG_DEALLOCATE_ALL },
	{ "DECLARE CURSOR", TAG_DECLARE_CURSOR },
	{ "CLOSE CURSOR", TAG_CLOSE_CURSOR },
	{ "CLOSE CURSOR ALL", TAG_CLOSE_CURSOR },
	{ "LISTEN", TAG_LISTEN },
	{ "UNLISTEN", TAG_UNLISTEN },
	{ "NOTIFY", TAG_NOTIFY },
	{ "LOAD", TAG_LOAD },
	{ "LOCK TABLE", TAG_LOCK_TABLE },
	{ "DO", TAG_DO },
	{ "CALL", TAG_CALL },
};

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Where the words end and the numbers ("0 1" of INSERT) begin. */
static size_t words_len(const char *s, size_t len)
{
	size_t at = len;

	while (at > 0) {
		while (at > 0 && is_digit(s[at - 1]))
			at--;
		if (at == len || at == 0 || s[at - 1] != ' ')
			break;
		len = --at;
	}
	return len;
}

/* The last number; one that is too large stays at the largest. */
static uint64_t last_number(const char *s, size_t from, size_t len)
{
	uint64_t n = 0;
	size_t at = len;

	while (at > from && is_digit(s[at - 1]))
		at--;
	for (; at < len; at++) {
		if (n > (UINT64_MAX - 9) / 10)
			return UINT64_MAX;
		n = n * 10 + (uint64_t)(s[at] - '0');
	}
	return n;
}

enum tag tag_read(const uint8_t *body, size_t len, uint64_t *rows)
{
	const char *s = (const char *)body;
	size_t words;
	size_t i;

	if (rows != NULL)
		*rows = 0;
	if (len == 0 || memchr(body, 0, len) != body + len - 1)
		return TAG_OTHER;
	len--;
	words = words_len(s, len);
	if (rows != NULL)
		*rows = last_number(s, words, len);
	for (i = 0; i < sizeof(tags) / sizeof(tags[0]); i++) {
		if (strncmp(tags[i].words, s, words) == 0 && tags[i].words[words] == '\0')
			return tags[i].tag;
	}
	return words > 7 && memcmp(s, "CREATE ", 7) == 0 ? TAG_CREATE : TAG_OTHER;
}
