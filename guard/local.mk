guard_sources = \
	guard/abi.h \
	guard/armed.c \
	guard/audit.c \
	guard/audit.h \
	guard/child.c \
	guard/client.c \
	guard/confine.c \
	guard/daemon.c \
	guard/daemon.h \
	guard/facts.c \
	guard/facts_renew.c \
	guard/fingerprint.c \
	guard/fingerprint.h \
	guard/guard.h \
	guard/internal.h \
	guard/kernel.h \
	guard/kill.c \
	guard/monitor.c \
	guard/policy.c \
	guard/poll.c \
	guard/record.c \
	guard/report.c \
	guard/start.c \
	guard/status.c \
	guard/status.h
