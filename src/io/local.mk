## Sources of the layer io.
libpgweir_a_SOURCES += \
	src/io/addr.c include/io/addr.h \
	src/io/batch.c include/io/batch.h \
	src/io/chunk.c include/io/chunk.h \
	src/io/deadline.c include/io/deadline.h \
	src/io/helpers.c include/io/helpers.h \
	src/io/loop.c include/io/loop.h \
	src/io/pgquery.c include/io/pgquery.h \
	src/io/resolver.c include/io/resolver.h \
	src/io/socket.c include/io/socket.h \
	src/io/stream.c include/io/stream.h \
	src/io/zones.c include/io/zones.h
