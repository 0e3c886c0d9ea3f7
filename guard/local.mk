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
	guard/pins.c \
	guard/policy.c \
	guard/poll.c \
	guard/programs.h \
	guard/record.c \
	guard/report.c \
	guard/ring.c \
	guard/start.c \
	guard/status.c \
	guard/status.h
# An archive of its own: the only user of libbpf, which has no place in kedge.
guard_load_sources = \
	guard/load.c
# The programs for the kernel: one object, compiled for BPF.
guard_bpf_sources = \
	guard/bpf/check.h \
	guard/bpf/events.h \
	guard/bpf/guard.bpf.c \
	guard/bpf/kernel.h \
	guard/bpf/lsm.h \
	guard/bpf/maps.h \
	guard/bpf/seal.h \
	guard/bpf/view.h
