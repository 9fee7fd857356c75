## Sources of the program itself.
pgweir_SOURCES += \
	src/main/claim.c include/main/claim.h \
	src/main/daemon.c include/main/daemon.h \
	src/main/inherit.c include/main/inherit.h \
	src/main/listener.c include/main/listener.h \
	src/main/main.c include/main/program.h \
	src/main/reload.c include/main/reload.h \
	src/main/service.c include/main/service.h \
	src/main/shutdown.c include/main/shutdown.h \
	src/main/signals.c include/main/signals.h \
	src/main/takeover.c include/main/takeover.h
