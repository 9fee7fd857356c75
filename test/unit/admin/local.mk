## Unit tests of the layer admin.
check_PROGRAMS += test/unit/admin/test_command
test_unit_admin_test_command_SOURCES = test/unit/admin/test_command.c
test_unit_admin_test_command_LDADD = $(unit_ldadd)
check_PROGRAMS += test/unit/admin/test_result
test_unit_admin_test_result_SOURCES = test/unit/admin/test_result.c
test_unit_admin_test_result_LDADD = $(unit_ldadd)
check_PROGRAMS += test/unit/admin/test_stats
test_unit_admin_test_stats_SOURCES = test/unit/admin/test_stats.c
test_unit_admin_test_stats_LDADD = $(unit_ldadd)
