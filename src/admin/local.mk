## Sources of the layer admin.
libpgweir_a_SOURCES += \
	src/admin/result.c include/admin/result.h \
	src/admin/command.c include/admin/command.h \
	src/admin/console.c include/admin/console.h \
	src/admin/extended.c include/admin/session.h \
	src/admin/operate.c include/admin/operate.h \
	src/admin/show_connections.c include/admin/show.h \
	src/admin/show_fds.c \
	src/admin/show_helpers.c \
	src/admin/show_hosts.c \
	src/admin/show_pools.c \
	src/admin/show_process.c \
	src/admin/show_statements.c \
	src/admin/show_stats.c \
	src/admin/stats.c include/admin/stats.h \
	src/admin/suspend.c include/admin/suspend.h \
	src/admin/verbs.c
