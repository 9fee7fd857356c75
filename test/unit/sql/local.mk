check_PROGRAMS += test/unit/sql/test_lex
test_unit_sql_test_lex_SOURCES = test/unit/sql/test_lex.c
test_unit_sql_test_lex_LDADD = $(unit_ldadd)

check_PROGRAMS += test/unit/sql/test_classify
test_unit_sql_test_classify_SOURCES = test/unit/sql/test_classify.c
test_unit_sql_test_classify_LDADD = $(unit_ldadd)

check_PROGRAMS += test/unit/sql/test_corpus
test_unit_sql_test_corpus_SOURCES = test/unit/sql/test_corpus.c
test_unit_sql_test_corpus_CPPFLAGS = $(AM_CPPFLAGS) -DTEST_DATA='"$(abs_top_srcdir)/test/data"'
test_unit_sql_test_corpus_LDADD = $(unit_ldadd)

check_PROGRAMS += test/unit/sql/test_directive
test_unit_sql_test_directive_SOURCES = test/unit/sql/test_directive.c
test_unit_sql_test_directive_LDADD = $(unit_ldadd)

check_PROGRAMS += test/unit/sql/test_judgement
test_unit_sql_test_judgement_SOURCES = test/unit/sql/test_judgement.c
test_unit_sql_test_judgement_LDADD = $(unit_ldadd)

check_PROGRAMS += test/unit/sql/test_change
test_unit_sql_test_change_SOURCES = test/unit/sql/test_change.c
test_unit_sql_test_change_LDADD = $(unit_ldadd)

if HAVE_PG_QUERY
check_PROGRAMS += test/unit/sql/test_oracle
test_unit_sql_test_oracle_SOURCES = test/unit/sql/test_oracle.c
test_unit_sql_test_oracle_CPPFLAGS = $(AM_CPPFLAGS) -DTEST_DATA='"$(abs_top_srcdir)/test/data"'
test_unit_sql_test_oracle_LDADD = $(unit_ldadd)
endif

