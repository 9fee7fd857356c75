libpgweir_a_SOURCES += src/sql/lex.c include/sql/lex.h
libpgweir_a_SOURCES += include/sql/words.h src/sql/words_table.h
libpgweir_a_SOURCES += src/sql/functions.c include/sql/functions.h src/sql/functions_table.h
libpgweir_a_SOURCES += src/sql/verdict.c include/sql/verdict.h
libpgweir_a_SOURCES += src/sql/body.c src/sql/statement.c src/sql/transaction.c include/sql/scan.h
libpgweir_a_SOURCES += src/sql/classify.c include/sql/classify.h
libpgweir_a_SOURCES += src/sql/directive.c include/sql/directive.h
libpgweir_a_SOURCES += src/sql/change.c include/sql/change.h
