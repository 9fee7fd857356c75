## Unit tests of the layer io.
check_PROGRAMS += test/unit/io/test_addr
test_unit_io_test_addr_SOURCES = test/unit/io/test_addr.c
test_unit_io_test_addr_LDADD = $(unit_ldadd)
check_PROGRAMS += test/unit/io/test_pgquery
test_unit_io_test_pgquery_SOURCES = test/unit/io/test_pgquery.c
test_unit_io_test_pgquery_LDADD = $(unit_ldadd)
