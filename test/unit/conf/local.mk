## Unit tests of the layer conf.
check_PROGRAMS += test/unit/conf/test_config test/unit/conf/test_settings
test_unit_conf_test_config_SOURCES = test/unit/conf/test_config.c
test_unit_conf_test_config_LDADD = $(unit_ldadd)
test_unit_conf_test_settings_SOURCES = test/unit/conf/test_settings.c
test_unit_conf_test_settings_LDADD = $(unit_ldadd)

check_PROGRAMS += test/unit/conf/test_reference
test_unit_conf_test_reference_SOURCES = test/unit/conf/test_reference.c
test_unit_conf_test_reference_LDADD = $(unit_ldadd)
