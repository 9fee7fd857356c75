# PGWEIR_CC_FLAG(VARIABLE, FLAG): add FLAG to VARIABLE if the compiler takes it.
AC_DEFUN([PGWEIR_CC_FLAG], [
	AS_VAR_PUSHDEF([cached], [pgweir_cv_cc_flag_$2])
	AC_CACHE_CHECK([whether $CC takes $2], [cached], [
		pgweir_saved_cflags=$CFLAGS
		CFLAGS="$CFLAGS -Werror $2"
		AC_COMPILE_IFELSE([AC_LANG_PROGRAM()],
			[AS_VAR_SET([cached], [yes])], [AS_VAR_SET([cached], [no])])
		CFLAGS=$pgweir_saved_cflags
	])
	AS_VAR_IF([cached], [yes], [$1="$$1 $2"])
	AS_VAR_POPDEF([cached])
])

# PGWEIR_LD_FLAG(VARIABLE, FLAG): add FLAG to VARIABLE if the linker takes it.
AC_DEFUN([PGWEIR_LD_FLAG], [
	AS_VAR_PUSHDEF([cached], [pgweir_cv_ld_flag_$2])
	AC_CACHE_CHECK([whether the linker takes $2], [cached], [
		pgweir_saved_ldflags=$LDFLAGS
		LDFLAGS="$LDFLAGS $2"
		AC_LINK_IFELSE([AC_LANG_PROGRAM()],
			[AS_VAR_SET([cached], [yes])], [AS_VAR_SET([cached], [no])])
		LDFLAGS=$pgweir_saved_ldflags
	])
	AS_VAR_IF([cached], [yes], [$1="$$1 $2"])
	AS_VAR_POPDEF([cached])
])
