## Sources of the layer auth.
libpgweir_a_SOURCES += \
	src/auth/access.c include/auth/access.h \
	src/auth/answer.c include/auth/answer.h \
	src/auth/file.c include/auth/file.h \
	src/auth/hba.c include/auth/hba.h \
	src/auth/ident.c include/auth/ident.h \
	src/auth/judge.c include/auth/judge.h \
	src/auth/ldap_options.c include/auth/ldap_options.h \
	src/auth/md5.c include/auth/md5.h \
	src/auth/method.c include/auth/method.h \
	src/auth/peer.c include/auth/peer.h \
	src/auth/scram.c include/auth/scram.h \
	src/auth/secrets.c include/auth/secrets.h \
	src/auth/tokens.c include/auth/tokens.h \
	src/auth/verify.c include/auth/verify.h
if HAVE_LDAP
libpgweir_a_SOURCES += src/auth/ldap.c include/auth/ldap.h
endif
if HAVE_PAM
libpgweir_a_SOURCES += src/auth/pam.c include/auth/pam.h
endif
