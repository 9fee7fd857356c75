check_PROGRAMS += test/unit/sql/test_corpus
test_unit_sql_test_corpus_SOURCES = test/unit/sql/test_corpus.c
test_unit_sql_test_corpus_CPPFLAGS = $(AM_CPPFLAGS) -DTEST_DATA='"$(abs_top_srcdir)/test/data"'
test_unit_sql_test_corpus_LDADD = $(unit_ldadd)

check_PROGRAMS += test/unit/sql/test_directive
test_unit_sql_test_directive_SOURCES = test/unit/sql/test_directive.c
test_unit_sql_test_directive_LDADD = $(unit_ldadd)
