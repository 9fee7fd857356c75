/* SPDX-License-Identifier: ISC */
/*
 * Scans the body of a statement for what makes it more than a read.
 *
 * There is no grammar here, only the places where a name before "(" is not a
 * call: key words that cannot name a function, aliases with columns in FROM and
 * WITH, and a few words after an operand, where no call can stand.  Everything
 * else before "(" is a call.  What is known of each open parenthesis is a bit in
 * a few masks, so depth costs nothing, and beyond 63 it is a doubt.
 */

#include <string.h>

#include "sql/functions.h"
#include "sql/scan.h"

/* Where the last token has left us. */
enum place {
	PLACE_START,   /* an expression or clause may begin */
	PLACE_OPERAND, /* after a name, ")" or "]": no call can follow without an operator */
	PLACE_LITERAL, /* the same, but nothing that could be given an alias */
	PLACE_DOT,
	PLACE_AS,
	PLACE_CAST,
};

struct name {
	struct token token;
	struct token schema; /* if qualified */
	bool qualified;
	bool label;	     /* after AS */
	bool suspect;	     /* a relation no replica may answer for, unless called */
	uint8_t place;	     /* before the name */
	uint8_t kind_before; /* enum token_kind */
	uint8_t word_before; /* enum word */
};

struct body {
	struct scan *scan;
	struct name name; /* the last token, if it was a name */
	enum body_kind kind;
	unsigned depth;
	unsigned blocks; /* BEGIN ATOMIC and CASE that wait for END */
	uint64_t from;	 /* by depth: in a FROM list */
	uint64_t with;	 /* in a WITH list */
	uint64_t group;	 /* in GROUP BY */
	uint64_t prefix; /* an expression follows this ")" */
	uint8_t place;
	uint8_t last;	      /* enum token_kind; TOKEN_END at the start */
	uint8_t word;	      /* enum word of the last token */
	uint8_t word_before;  /* and of the one before */
	uint8_t after_as_not; /* tokens since AS NOT, counted down from 2 */
	bool select_into;
};

static uint64_t depth_bit(const struct body *body)
{
	return body->depth < 64 ? UINT64_C(1) << body->depth : 0;
}

/* The text of a name without its quotes. */
static const char *name_text(const struct scan *scan, const struct token *token, size_t *len)
{
	bool quoted = token->kind == TOKEN_QUOTED;

	*len = token->len - (quoted ? 2 : 0);
	return scan->lex.start + token->pos + quoted;
}

static bool name_is(const struct scan *scan, const struct token *token, const char *text)
{
	size_t len;
	const char *p = name_text(scan, token, &len);

	if (token->kind == TOKEN_QUOTED)
		return len == strlen(text) && memcmp(p, text, len) == 0;
	return token_is(&scan->lex, token, text);
}

static char fold(char c)
{
	return (char)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
}

static bool has_pg_prefix(const struct scan *scan, const struct token *token)
{
	size_t len;
	const char *p = name_text(scan, token, &len);

	if (token->kind == TOKEN_QUOTED)
		return len > 3 && memcmp(p, "pg_", 3) == 0;
	return len > 3 && fold(p[0]) == 'p' && fold(p[1]) == 'g' && p[2] == '_';
}

/* System relations, and the columns that only sequences have. */
static bool is_suspect(const struct scan *scan, const struct token *token)
{
	size_t len;
	const char *p = name_text(scan, token, &len);

	if (len < 4)
		return false;
	switch (p[0] | 0x20) {
	case 'p':
		return has_pg_prefix(scan, token);
	case 'l':
		return (len == 10 && name_is(scan, token, "last_value")) ||
		       (len == 7 && name_is(scan, token, "log_cnt"));
	case 'i':
		return (len == 9 && name_is(scan, token, "is_called")) ||
		       (len == 18 && name_is(scan, token, "information_schema"));
	default:
		return false;
	}
}

/* A cheap no to nearly all names. */
static bool may_be_suspect(const struct scan *scan, const struct token *token)
{
	char c = scan->lex.start[token->pos];

	return c == '"' || (c | 0x20) == 'p' || (c | 0x20) == 'l' || (c | 0x20) == 'i';
}

static bool starts_with(const struct scan *scan, const struct token *token, const char *text)
{
	size_t len;
	size_t i;
	const char *p = name_text(scan, token, &len);

	for (i = 0; text[i]; i++)
		if (i == len || fold(p[i]) != text[i])
			return false;
	return true;
}

void scan_relation(struct scan *scan, const struct token *token)
{
	if (!is_suspect(scan, token))
		return;
	if (starts_with(scan, token, "pg_temp") || starts_with(scan, token, "pg_toast_temp")) {
		scan->verdict.flags |= VERDICT_SESSION | VERDICT_TEMP;
		scan_mark(scan, ROUTE_PRIMARY, WHY_SESSION, token);
	} else if (name_is(scan, token, "pg_prepared_statements") ||
		   name_is(scan, token, "pg_cursors")) {
		scan->verdict.flags |= VERDICT_SESSION;
		scan_mark(scan, ROUTE_PRIMARY, WHY_SESSION, token);
	} else {
		scan_mark(scan, ROUTE_PRIMARY, WHY_RELATION, token);
	}
}

/* Is the third argument of set_config true?  Looks a bounded way ahead. */
static bool is_local_set_config(struct scan *scan)
{
	struct lex lex = scan->lex;
	struct token token;
	unsigned depth = 1;
	unsigned commas = 0;
	bool local = false;
	unsigned i;

	/* Calls within calls must not look over the same text again and again. */
	if (lex.at < scan->looked)
		return false;
	for (i = 0; i < 64; i++) {
		lex_next(&lex, &token);
		scan->looked = lex.at;
		if (token.kind == TOKEN_END)
			return false;
		if (token.kind == TOKEN_OPEN)
			depth++;
		if (token.kind == TOKEN_CLOSE && --depth == 0)
			return commas == 2 && local;
		if (token.kind == TOKEN_COMMA && depth == 1) {
			commas++;
			local = true;
		} else if (commas == 2) {
			local = local &&
				(token.word == WORD_TRUE || token_is(&lex, &token, "'t'") ||
				 token_is(&lex, &token, "'true'"));
		}
	}
	return false;
}

/* current_setting of something that tells a replica from the primary. */
static bool is_node_setting(const struct scan *scan)
{
	struct lex lex = scan->lex;
	struct token token;

	lex_next(&lex, &token);
	return token_is(&lex, &token, "'transaction_read_only'") ||
	       token_is(&lex, &token, "'in_hot_standby'");
}

static void mark_session(struct scan *scan, uint64_t flags, const struct token *token)
{
	scan->verdict.flags |= VERDICT_SESSION | flags;
	scan_mark(scan, ROUTE_PRIMARY, WHY_SESSION, token);
}

/* What stands in pg_catalog is known; another schema may hold anything of that name. */
static enum function_kind find_called(struct scan *scan, const struct name *name)
{
	size_t len;
	const char *text = name_text(scan, &name->token, &len);
	enum function_kind kind = function_find(text, len, name->token.kind == TOKEN_WORD);
	enum function_kind foreign;

	if (!name->qualified)
		return kind;
	foreign = name_is(scan, &name->schema, "pg_catalog") ? FUNCTION_EXTENSION : FUNCTION_SAFE;
	return kind == foreign ? FUNCTION_UNKNOWN : kind;
}

/* The name is called; the parenthesis is the token. */
static void judge_call(struct scan *scan, const struct name *name)
{
	switch (find_called(scan, name)) {
	case FUNCTION_SAFE:
	case FUNCTION_EXTENSION:
		break;
	case FUNCTION_UNSAFE:
		scan_mark(scan, ROUTE_PRIMARY, WHY_FUNCTION_UNSAFE, &name->token);
		break;
	case FUNCTION_UNKNOWN:
		scan_mark(scan, ROUTE_PRIMARY, WHY_FUNCTION_UNKNOWN, &name->token);
		break;
	case FUNCTION_ADVISORY:
		mark_session(scan, VERDICT_ADVISORY, &name->token);
		break;
	case FUNCTION_SEQSTATE:
		mark_session(scan, VERDICT_SEQSTATE, &name->token);
		break;
	case FUNCTION_SESSION:
		mark_session(scan, 0, &name->token);
		break;
	case FUNCTION_LISTEN:
		mark_session(scan, VERDICT_LISTEN, &name->token);
		break;
	case FUNCTION_TEMP:
		mark_session(scan, VERDICT_TEMP, &name->token);
		break;
	case FUNCTION_SET_CONFIG:
		if (is_local_set_config(scan)) {
			scan->verdict.flags |= VERDICT_SETLOCAL;
			scan_mark(scan, ROUTE_PRIMARY, WHY_FUNCTION_UNSAFE, &name->token);
		} else {
			mark_session(scan, VERDICT_SET, &name->token);
		}
		break;
	case FUNCTION_SETTING:
		if (is_node_setting(scan))
			scan_mark(scan, ROUTE_PRIMARY, WHY_NODE, &name->token);
		break;
	}
}

/* An alias with column names: "t AS x (a, b)" without its AS, or "WITH x (a) AS". */
static bool is_column_list(const struct body *body)
{
	const struct name *name = &body->name;
	uint64_t bit = depth_bit(body);

	if (body->from & bit && name->place == PLACE_OPERAND)
		return true;
	return body->with & bit && name->place == PLACE_START &&
	       (name->kind_before == TOKEN_COMMA || name->word_before == WORD_WITH ||
		name->word_before == WORD_RECURSIVE);
}

static bool joins(uint8_t word)
{
	return word == WORD_LEFT || word == WORD_RIGHT || word == WORD_FULL || word == WORD_INNER ||
	       word == WORD_CROSS || word == WORD_OUTER || word == WORD_NATURAL;
}

/* Is the name before this parenthesis called? */
static bool is_call(const struct body *body)
{
	const struct name *name = &body->name;
	uint8_t before = name->word_before;
	bool after_operand = name->place == PLACE_OPERAND || name->place == PLACE_LITERAL;

	if (name->label)
		return false;
	if (name->qualified)
		return true;
	if (word_flags[name->token.word] & WORD_IS_RESERVED)
		return false;
	switch (name->token.word) {
	case WORD_OVER:
	case WORD_FILTER:
	case WORD_REPEATABLE:
		if (name->kind_before == TOKEN_CLOSE && after_operand)
			return false;
		break;
	case WORD_COLUMNS:
	case WORD_ESCAPE:
	case WORD_PASSING:
	case WORD_LIKE:
	case WORD_ILIKE:
	case WORD_OVERLAPS:
	case WORD_OPERATOR:
		if (after_operand)
			return false;
		break;
	case WORD_JOIN:
		return !after_operand && !joins(before);
	case WORD_SECOND:
		return name->kind_before != TOKEN_STRING;
	case WORD_ZONE:
		return before != WORD_TIME;
	case WORD_BY:
		return before != WORD_ORDER && before != WORD_GROUP && before != WORD_PARTITION;
	case WORD_VARYING:
		return before != WORD_CHARACTER && before != WORD_CHAR && before != WORD_BIT &&
		       before != WORD_NCHAR;
	case WORD_SETS:
		return before != WORD_GROUPING;
	case WORD_FIRST:
	case WORD_NEXT:
		return before != WORD_FETCH;
	case WORD_ROLLUP:
	case WORD_CUBE:
		if (body->group & depth_bit(body))
			return false;
		break;
	default:
		break;
	}
	return !is_column_list(body);
}

/* The suspect is no function: the token after it calls nothing. */
static void settle_name(struct body *body)
{
	const struct name *name = &body->name;
	uint8_t kind = body->scan->token.kind;

	if (kind == TOKEN_OPEN)
		return;
	if (kind == TOKEN_DOT && name_is(body->scan, &name->token, "pg_catalog"))
		return;
	scan_relation(body->scan, &name->token);
}

static void take_name(struct body *body)
{
	struct scan *scan = body->scan;
	struct name *name = &body->name;

	if (body->place == PLACE_DOT)
		name->schema = name->token;
	name->token = scan->token;
	name->qualified = body->place == PLACE_DOT;
	name->label = body->place == PLACE_AS;
	name->place = body->place;
	name->kind_before = body->last;
	name->word_before = body->word;
	body->place = PLACE_OPERAND;
	if (!may_be_suspect(scan, &scan->token))
		return;
	name->suspect = is_suspect(scan, &scan->token);
	if (name->suspect && (name->label || name->place == PLACE_CAST))
		name->suspect = starts_with(scan, &scan->token, "pg_temp") ||
				starts_with(scan, &scan->token, "pg_toast_temp");
}

static void take_with(struct body *body, uint64_t bit)
{
	if (body->last == TOKEN_OPEN || body->last == TOKEN_END)
		body->with |= bit;
}

/* A key word of queries, in its place. */
static void take_keyword(struct body *body, enum word word)
{
	struct scan *scan = body->scan;
	uint64_t bit = depth_bit(body);

	if (body->with && word != WORD_AS && word != WORD_NOT && word != WORD_MATERIALIZED &&
	    word != WORD_RECURSIVE)
		body->with &= ~bit;
	switch (word) {
	case WORD_UPDATE:
	case WORD_INSERT:
	case WORD_DELETE:
	case WORD_MERGE:
		if (word == WORD_UPDATE && body->word == WORD_FOR) {
			scan_mark(scan, ROUTE_PRIMARY, WHY_LOCKING, &scan->token);
			break;
		}
		scan->verdict.flags |= VERDICT_WRITE;
		scan_mark(scan, ROUTE_PRIMARY, WHY_WRITE, &scan->token);
		break;
	case WORD_INTO:
		body->select_into = body->word != WORD_INSERT && body->word != WORD_MERGE;
		scan_mark(scan, ROUTE_PRIMARY, WHY_INTO, &scan->token);
		if (body->select_into)
			scan->verdict.flags |= VERDICT_WRITE;
		break;
	case WORD_FROM:
		body->from |= bit;
		break;
	case WORD_BY:
		if (body->word == WORD_GROUP)
			body->group |= bit;
		break;
	case WORD_WITH:
		take_with(body, bit);
		break;
	case WORD_SELECT:
	case WORD_VALUES:
	case WORD_TABLE:
	case WORD_WHERE:
	case WORD_GROUP:
	case WORD_HAVING:
	case WORD_ORDER:
	case WORD_LIMIT:
	case WORD_OFFSET:
	case WORD_FETCH:
	case WORD_WINDOW:
	case WORD_UNION:
	case WORD_EXCEPT:
	case WORD_INTERSECT:
	case WORD_FOR:
		body->from &= ~bit;
		body->group &= ~bit;
		break;
	default:
		break;
	}
}

/* May TEMP follow this word, and say what is made? */
static bool makes_relation(const struct body *body, uint8_t word)
{
	if (word == WORD_INTO)
		return body->select_into;
	return body->kind == BODY_CREATE && (word == WORD_CREATE || word == WORD_REPLACE);
}

/* Words that mean something only after another. */
static void take_minor_word(struct body *body, enum word word)
{
	struct scan *scan = body->scan;

	switch (word) {
	case WORD_NO:
	case WORD_KEY:
	case WORD_SHARE:
		if (body->word == WORD_FOR)
			scan_mark(scan, ROUTE_PRIMARY, WHY_LOCKING, &scan->token);
		break;
	case WORD_TEMP:
	case WORD_TEMPORARY:
		if (makes_relation(body, body->word) ||
		    ((body->word == WORD_LOCAL || body->word == WORD_GLOBAL) &&
		     makes_relation(body, body->word_before)))
			scan->verdict.flags |= VERDICT_SESSION | VERDICT_TEMP;
		break;
	case WORD_ATOMIC:
		if (body->kind == BODY_CREATE && body->word == WORD_BEGIN)
			body->blocks++;
		break;
	case WORD_CASE:
		if (body->blocks)
			body->blocks++;
		break;
	case WORD_END:
		if (body->blocks)
			body->blocks--;
		break;
	default:
		break;
	}
}

static void take_word(struct body *body)
{
	enum word word = (enum word)body->scan->token.word;
	uint8_t place = body->place;
	uint8_t flags = word_flags[word];

	take_name(body);
	if (place == PLACE_DOT || place == PLACE_AS) {
		body->after_as_not = place == PLACE_AS && word == WORD_NOT ? 2 : 0;
		body->name.token.word = WORD_NONE;
		word = WORD_NONE;
	} else if (word != WORD_NONE) {
		take_minor_word(body, word);
		if (flags) {
			take_keyword(body, word);
			if (flags & WORD_IS_PREFIX)
				body->place = word == WORD_AS ? PLACE_AS : PLACE_START;
		}
		if (word == WORD_MATERIALIZED && body->after_as_not)
			body->name.label = true;
	}
	body->word_before = body->word;
	body->word = (uint8_t)word;
}

static void take_open(struct body *body)
{
	struct scan *scan = body->scan;
	bool after_name = body->last == TOKEN_WORD || body->last == TOKEN_QUOTED;
	bool called = after_name && body->kind != BODY_NO_CALLS && is_call(body);
	uint8_t word = body->word;
	uint64_t bit = depth_bit(body);
	bool from = body->from & bit &&
		    (word == WORD_FROM || word == WORD_JOIN || word == WORD_LATERAL ||
		     body->last == TOKEN_COMMA || body->last == TOKEN_OPEN);
	bool group = body->group & bit && word == WORD_SETS;
	bool prefix = (word == WORD_OPERATOR && !called) ||
		      (word == WORD_ON && body->word_before == WORD_DISTINCT);

	if (called)
		judge_call(scan, &body->name);
	if (!after_name)
		body->with &= ~bit;
	body->depth++;
	bit = depth_bit(body);
	if (!bit)
		scan_doubt(scan, WHY_DOUBT_DEPTH);
	body->with &= ~bit;
	body->from = (body->from & ~bit) | (from ? bit : 0);
	body->group = (body->group & ~bit) | (group ? bit : 0);
	body->prefix = (body->prefix & ~bit) | (prefix ? bit : 0);
	body->place = PLACE_START;
}

static void take_close(struct body *body)
{
	if (body->depth == 0) {
		scan_doubt(body->scan, WHY_DOUBT_SYNTAX);
		return;
	}
	body->place = body->prefix & depth_bit(body) ? PLACE_START : PLACE_OPERAND;
	body->depth--;
}

static void take_token(struct body *body)
{
	switch (body->scan->token.kind) {
	case TOKEN_WORD:
		take_word(body);
		return;
	case TOKEN_QUOTED:
		take_name(body);
		break;
	case TOKEN_OPEN:
		take_open(body);
		break;
	case TOKEN_CLOSE:
		take_close(body);
		break;
	case TOKEN_STRING:
	case TOKEN_NUMBER:
	case TOKEN_PARAM:
		body->place = PLACE_LITERAL;
		break;
	case TOKEN_UNBRACKET:
		body->place = PLACE_OPERAND;
		break;
	case TOKEN_DOT:
		body->place = PLACE_DOT;
		break;
	case TOKEN_CAST:
		body->place = PLACE_CAST;
		break;
	default:
		body->place = PLACE_START;
		break;
	}
	body->word_before = body->word;
	body->word = WORD_NONE;
}

/* A semicolon inside parentheses ends no statement; only CREATE RULE may have one. */
static bool ends_body(struct body *body)
{
	uint8_t kind = body->scan->token.kind;

	if (kind == TOKEN_SEMICOLON && (body->depth > 0 || body->blocks > 0)) {
		if (body->kind != BODY_CREATE)
			scan_doubt(body->scan, WHY_DOUBT_SYNTAX);
		return false;
	}
	return kind == TOKEN_SEMICOLON || kind == TOKEN_END;
}

void body_scan(struct scan *scan, enum body_kind kind)
{
	struct body body = { .scan = scan, .kind = kind };

	while (!ends_body(&body)) {
		if (body.name.suspect) {
			settle_name(&body);
			body.name.suspect = false;
		}
		if (body.after_as_not)
			body.after_as_not--;
		take_token(&body);
		body.last = scan->token.kind;
		scan_next(scan);
		if (kind == BODY_ENCLOSED && body.depth == 0)
			break;
	}
	if (body.name.suspect)
		settle_name(&body);
	if (body.depth > 0)
		scan_doubt(scan, WHY_DOUBT_SYNTAX);
}
