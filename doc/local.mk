## The manual pages, made from the pages in doc/; a release brings them along.
man_sources = scripts/gen-man configure.ac doc/usage.md doc/console.md doc/settings.md

if HAVE_MAN
dist_man_MANS = doc/pgweir.1 doc/pgweir.ini.5
endif

doc/pgweir.1 doc/pgweir.ini.5: $(man_sources)
	$(AM_V_GEN)$(MKDIR_P) doc && $(srcdir)/scripts/gen-man $(@F) >$@.new && mv $@.new $@
MAINTAINERCLEANFILES = doc/pgweir.1 doc/pgweir.ini.5
