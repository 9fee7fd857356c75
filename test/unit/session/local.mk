## Unit tests of the layer session.
check_PROGRAMS += test/unit/session/test_names
test_unit_session_test_names_SOURCES = test/unit/session/test_names.c
test_unit_session_test_names_LDADD = $(unit_ldadd)
check_PROGRAMS += test/unit/session/test_client
test_unit_session_test_client_SOURCES = test/unit/session/test_client.c
test_unit_session_test_client_LDADD = $(unit_ldadd)
check_PROGRAMS += test/unit/session/test_route
test_unit_session_test_route_SOURCES = test/unit/session/test_route.c
test_unit_session_test_route_LDADD = $(unit_ldadd)
check_PROGRAMS += test/unit/session/test_keys
test_unit_session_test_keys_SOURCES = test/unit/session/test_keys.c
test_unit_session_test_keys_LDADD = $(unit_ldadd)
