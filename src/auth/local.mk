## Sources of the layer auth.
libpgweir_a_SOURCES += \
	src/auth/answer.c include/auth/answer.h \
	src/auth/md5.c include/auth/md5.h \
	src/auth/method.c include/auth/method.h \
	src/auth/scram.c include/auth/scram.h \
	src/auth/secrets.c include/auth/secrets.h \
	src/auth/verify.c include/auth/verify.h
