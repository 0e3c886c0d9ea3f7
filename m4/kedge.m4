# KEDGE_CFLAGS(VAR, FLAGS): VAR = those of FLAGS that the compiler accepts without a word.
AC_DEFUN([KEDGE_CFLAGS], [
	$1=
	for flag in m4_normalize([$2]); do
		kedge_saved_CFLAGS="$CFLAGS"
		AC_MSG_CHECKING([whether $CC accepts $flag])
		CFLAGS="$CFLAGS -Werror $flag"
		AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])],
			[AC_MSG_RESULT([yes])
			 $1="${$1:+$$1 }$flag"],
			[AC_MSG_RESULT([no])])
		CFLAGS="$kedge_saved_CFLAGS"
	done
])

# KEDGE_LDFLAGS(VAR, FLAGS): the same for the linker.
AC_DEFUN([KEDGE_LDFLAGS], [
	$1=
	for flag in m4_normalize([$2]); do
		kedge_saved_LDFLAGS="$LDFLAGS"
		AC_MSG_CHECKING([whether the linker accepts $flag])
		LDFLAGS="$LDFLAGS -Wl,--fatal-warnings $flag"
		AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])],
			[AC_MSG_RESULT([yes])
			 $1="${$1:+$$1 }$flag"],
			[AC_MSG_RESULT([no])])
		LDFLAGS="$kedge_saved_LDFLAGS"
	done
])

# KEDGE_STATIC_LIB(NAME, ARCHIVE, FUNCTION): prefer ARCHIVE to the shared library in NAME_LIBS.
AC_DEFUN([KEDGE_STATIC_LIB], [
	kedge_saved_LIBS="$LIBS"
	kedge_saved_LDFLAGS="$LDFLAGS"
	AC_MSG_CHECKING([for $2])
	LDFLAGS="$LDFLAGS $(test -z "${$1_LIBS}" || echo "${$1_LIBS}" | tr ' ' '\n' | grep '^-L' | tr '\n' ' ')"
	LIBS="-l:$2 $LIBS"
	AC_LINK_IFELSE([AC_LANG_CALL([], [$3])],
		[AC_MSG_RESULT([yes])
		 $1_LIBS="-l:$2"
		 how_$1="static ($2)"],
		[AC_MSG_RESULT([no])
		 how_$1="shared (${$1_LIBS})"])
	LIBS="$kedge_saved_LIBS"
	LDFLAGS="$kedge_saved_LDFLAGS"
])

# KEDGE_HEADERS_OF(NAME, MODULE, HEADER): HAVE_NAME when the header of a library that is loaded late can be used.
AC_DEFUN([KEDGE_HEADERS_OF], [
	have_$1=no
	PKG_CHECK_MODULES([$1], [$2], [
		kedge_saved_CPPFLAGS="$CPPFLAGS"
		CPPFLAGS="$CPPFLAGS ${$1_CFLAGS}"
		AC_CHECK_HEADER([$3], [
			have_$1=yes
			AC_DEFINE([HAVE_$1], [1], [Define when the headers of $2 are there.])
		])
		CPPFLAGS="$kedge_saved_CPPFLAGS"
	], [:])
])

# KEDGE_STATIC_PIE: enable_static_pie=auto becomes yes where a program with all of our libraries can be linked, and no elsewhere.
# STATIC_LDFLAGS: --no-warnings because the linker's only one, about dlopen, is what base/dl.c is about.
AC_DEFUN([KEDGE_STATIC_PIE], [
	STATIC_LIBS="${YAJL_LIBS} ${LIBCAP_LIBS} -l:libseccomp.a"
	KEDGE_LDFLAGS([STATIC_LDFLAGS], [-Wl,--no-warnings])
	STATIC_LDFLAGS="-static-pie -Wl,-u,seccomp_version $STATIC_LDFLAGS"
	AS_IF([test "$enable_static_pie" != no], [
		kedge_saved_LIBS="$LIBS"
		kedge_saved_LDFLAGS="$LDFLAGS"
		kedge_saved_CFLAGS="$CFLAGS"
		AC_MSG_CHECKING([whether kedge can be linked statically])
		CFLAGS="$CFLAGS -fPIE"
		LDFLAGS="$LDFLAGS $STATIC_LDFLAGS"
		LIBS="$STATIC_LIBS $LIBS"
		AC_LINK_IFELSE([AC_LANG_PROGRAM([[
			const void *seccomp_version(void);
			const void *yajl_status_to_string(int);
			void *cap_get_proc(void);
		]], [[return !seccomp_version() || !yajl_status_to_string(0) || !cap_get_proc();]])],
			[kedge_can_static=yes], [kedge_can_static=no])
		AC_MSG_RESULT([$kedge_can_static])
		LIBS="$kedge_saved_LIBS"
		LDFLAGS="$kedge_saved_LDFLAGS"
		CFLAGS="$kedge_saved_CFLAGS"
		AS_IF([test "$enable_static_pie$kedge_can_static" = yesno],
			[AC_MSG_ERROR([--enable-static-pie needs the archives of libc, yajl, libcap and libseccomp])])
		enable_static_pie=$kedge_can_static
	])
	AC_SUBST([STATIC_LDFLAGS])
	AC_SUBST([STATIC_LIBS])
])
