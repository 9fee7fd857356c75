## Sources of the layer pool.
libpgweir_a_SOURCES += \
	src/pool/choice.c include/pool/choice.h \
	src/pool/connects.c include/pool/connects.h \
	src/pool/database.c include/pool/database.h \
	src/pool/dedicated.c include/pool/dedicated.h \
	src/pool/disuse.c include/pool/disuse.h \
	src/pool/greeting.c include/pool/greeting.h \
	src/pool/login.c include/pool/login.h \
	src/pool/parameters.c include/pool/parameters.h \
	src/pool/pending.c include/pool/pending.h \
	src/pool/pool.c include/pool/pool.h \
	src/pool/queue.c include/pool/queue.h \
	src/pool/room.c include/pool/room.h \
	src/pool/server.c include/pool/server.h \
	src/pool/statement.c include/pool/statement.h \
	src/pool/stats.c include/pool/stats.h \
	include/pool/need.h
