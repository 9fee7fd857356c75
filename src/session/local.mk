## Sources of the layer session.
libpgweir_a_SOURCES += \
	src/session/auth_query.c include/session/auth_query.h \
	src/session/authenticate.c include/session/authenticate.h \
	src/session/block.c include/session/block.h \
	src/session/cancel.c include/session/cancel.h \
	src/session/client.c include/session/client.h \
	src/session/deallocate.c include/session/deallocate.h \
	src/session/forward.c include/session/forward.h \
	src/session/keys.c include/session/keys.h \
	src/session/login.c include/session/login.h \
	src/session/loss.c include/session/loss.h \
	src/session/measure.c include/session/measure.h \
	src/session/names.c include/session/names.h \
	src/session/outside.c include/session/outside.h \
	src/session/peer.c include/session/peer.h \
	src/session/prepare.c include/session/prepare.h \
	src/session/relay.c include/session/relay.h \
	src/session/replication.c include/session/replication.h \
	src/session/replies.c include/session/replies.h \
	src/session/request.c include/session/request.h \
	src/session/route.c include/session/route.h \
	src/session/scan.c include/session/scan.h \
	src/session/state.c include/session/state.h \
	src/session/statements.c include/session/statements.h \
	src/session/timeouts.c include/session/timeouts.h \
	src/session/trial.c include/session/trial.h \
	src/session/welcome.c include/session/welcome.h
