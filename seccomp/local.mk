seccomp_sources = \
	seccomp/seccomp.h
