## Unit tests of the layer pool.
check_PROGRAMS += test/unit/pool/test_pending
test_unit_pool_test_pending_SOURCES = test/unit/pool/test_pending.c
test_unit_pool_test_pending_LDADD = $(unit_ldadd)
check_PROGRAMS += test/unit/pool/test_parameters
test_unit_pool_test_parameters_SOURCES = test/unit/pool/test_parameters.c
test_unit_pool_test_parameters_LDADD = $(unit_ldadd)
check_PROGRAMS += test/unit/pool/test_statement
test_unit_pool_test_statement_SOURCES = test/unit/pool/test_statement.c
test_unit_pool_test_statement_LDADD = $(unit_ldadd)
check_PROGRAMS += test/unit/pool/test_server
test_unit_pool_test_server_SOURCES = test/unit/pool/test_server.c
test_unit_pool_test_server_LDADD = $(unit_ldadd)
check_PROGRAMS += test/unit/pool/test_choice
test_unit_pool_test_choice_SOURCES = test/unit/pool/test_choice.c
test_unit_pool_test_choice_LDADD = $(unit_ldadd)
