## Unit tests of the layer cluster.
check_PROGRAMS += test/unit/cluster/test_cluster
test_unit_cluster_test_cluster_SOURCES = test/unit/cluster/test_cluster.c
test_unit_cluster_test_cluster_LDADD = $(unit_ldadd)
check_PROGRAMS += test/unit/cluster/test_freshness
test_unit_cluster_test_freshness_SOURCES = test/unit/cluster/test_freshness.c
test_unit_cluster_test_freshness_LDADD = $(unit_ldadd)
check_PROGRAMS += test/unit/cluster/test_leader
test_unit_cluster_test_leader_SOURCES = test/unit/cluster/test_leader.c
test_unit_cluster_test_leader_LDADD = $(unit_ldadd)
