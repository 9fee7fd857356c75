## Sources of the layer proto.
libpgweir_a_SOURCES += \
	src/proto/cancel_key.c include/proto/cancel_key.h \
	src/proto/compose.c include/proto/compose.h \
	src/proto/error.c include/proto/error.h \
	src/proto/extended.c include/proto/extended.h \
	src/proto/message.c include/proto/message.h \
	src/proto/startup.c include/proto/startup.h \
	src/proto/tag.c include/proto/tag.h
