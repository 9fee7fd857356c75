## Plays: whole sessions against a scripted PostgreSQL and a fake clock.
check_LIBRARIES += test/play/libplay.a
test_play_libplay_a_SOURCES = \
	test/play/link.c test/play/link.h \
	test/play/play.c test/play/play.h \
	test/play/script.c

play_all_ldadd = test/play/libplay.a $(play_ldadd) $(CHECK_LIBS)

check_PROGRAMS += test/play/test_query
test_play_test_query_SOURCES = test/play/test_query.c
test_play_test_query_LDADD = $(play_all_ldadd)

check_PROGRAMS += test/play/test_statement
test_play_test_statement_SOURCES = test/play/test_statement.c
test_play_test_statement_LDADD = $(play_all_ldadd)

check_PROGRAMS += test/play/test_leases
test_play_test_leases_SOURCES = test/play/test_leases.c
test_play_test_leases_LDADD = $(play_all_ldadd)

check_PROGRAMS += test/play/test_copy
test_play_test_copy_SOURCES = test/play/test_copy.c
test_play_test_copy_LDADD = $(play_all_ldadd)

check_PROGRAMS += test/play/test_client
test_play_test_client_SOURCES = test/play/test_client.c
test_play_test_client_LDADD = $(play_all_ldadd)

check_PROGRAMS += test/play/test_loss
test_play_test_loss_SOURCES = test/play/test_loss.c
test_play_test_loss_LDADD = $(play_all_ldadd)

check_PROGRAMS += test/play/test_block
test_play_test_block_SOURCES = test/play/test_block.c
test_play_test_block_LDADD = $(play_all_ldadd)

check_PROGRAMS += test/play/test_cancel
test_play_test_cancel_SOURCES = test/play/test_cancel.c
test_play_test_cancel_LDADD = $(play_all_ldadd)

check_PROGRAMS += test/play/test_pool
test_play_test_pool_SOURCES = test/play/test_pool.c
test_play_test_pool_LDADD = $(play_all_ldadd)

check_PROGRAMS += test/play/test_cluster
test_play_test_cluster_SOURCES = test/play/test_cluster.c
test_play_test_cluster_LDADD = $(play_all_ldadd)

check_PROGRAMS += test/play/test_pressure
test_play_test_pressure_SOURCES = test/play/test_pressure.c
test_play_test_pressure_LDADD = $(play_all_ldadd)

check_PROGRAMS += test/play/test_reload
test_play_test_reload_SOURCES = test/play/test_reload.c
test_play_test_reload_LDADD = $(play_all_ldadd)

check_PROGRAMS += test/play/test_disuse
test_play_test_disuse_SOURCES = test/play/test_disuse.c
test_play_test_disuse_LDADD = $(play_all_ldadd)

check_PROGRAMS += test/play/test_moments
test_play_test_moments_SOURCES = test/play/test_moments.c
test_play_test_moments_LDADD = $(play_all_ldadd)
