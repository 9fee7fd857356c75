## Sources of the layer cluster.
libpgweir_a_SOURCES += \
	src/cluster/cluster.c include/cluster/cluster.h \
	src/cluster/freshness.c include/cluster/freshness.h \
	src/cluster/host.c include/cluster/host.h \
	src/cluster/leader.c include/cluster/leader.h \
	src/cluster/monitor.c include/cluster/monitor.h
