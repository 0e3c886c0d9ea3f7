guard_sources = \
	guard/abi.h \
	guard/client.c \
	guard/facts.c \
	guard/guard.h \
	guard/internal.h \
	guard/kernel.h \
	guard/pins.c \
	guard/policy.c \
	guard/programs.h \
	guard/record.c \
	guard/ring.c \
	guard/start.c
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
