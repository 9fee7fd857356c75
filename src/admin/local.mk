## Sources of the layer admin.
libpgweir_a_SOURCES += \
	src/admin/console.c include/admin/console.h \
	src/admin/operate.c include/admin/operate.h \
	src/admin/stats.c include/admin/stats.h
