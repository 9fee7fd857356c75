## Sources of the layer conf.
libpgweir_a_SOURCES += \
	src/conf/config.c include/conf/config.h \
	src/conf/connstr.c include/conf/connstr.h \
	src/conf/diff.c include/conf/diff.h \
	src/conf/entry.c include/conf/entry.h \
	src/conf/hosts.c include/conf/hosts.h \
	src/conf/manual.c \
	src/conf/reader.c include/conf/reader.h \
	src/conf/reference.c include/conf/reference.h \
	src/conf/settings.c include/conf/settings.h \
	src/conf/source.c include/conf/source.h \
	src/conf/spell.c include/conf/spell.h \
	src/conf/value.c include/conf/value.h \
	src/conf/warnings.c \
	include/conf/mask.h
