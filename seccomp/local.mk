seccomp_sources = \
	seccomp/actions.c \
	seccomp/cache.c \
	seccomp/compile.c \
	seccomp/floor.c \
	seccomp/internal.h \
	seccomp/library.c \
	seccomp/notify.c \
	seccomp/seccomp.h \
	seccomp/stub.c
