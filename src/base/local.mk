libpgweir_a_SOURCES += \
	src/base/clock.c include/base/clock.h \
	src/base/intern.c include/base/intern.h \
	src/base/log.c include/base/log.h \
	src/base/map.c include/base/map.h \
	src/base/mem.c include/base/mem.h \
	src/base/readable.c include/base/readable.h \
	src/base/slab.c include/base/slab.h \
	src/base/text.c include/base/text.h \
	include/base/bytes.h \
	include/base/list.h
