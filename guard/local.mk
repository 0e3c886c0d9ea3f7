guard_sources = \
	guard/abi.h \
	guard/client.c \
	guard/facts.c \
	guard/guard.h \
	guard/internal.h \
	guard/kernel.h \
	guard/policy.c \
	guard/record.c \
	guard/start.c
