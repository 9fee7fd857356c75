## Sources of the program itself.
pgweir_SOURCES += \
	src/main/daemon.c include/main/daemon.h \
	src/main/listener.c include/main/listener.h \
	src/main/main.c include/main/program.h \
	src/main/reload.c include/main/reload.h \
	src/main/shutdown.c include/main/shutdown.h \
	src/main/signals.c include/main/signals.h
