src_sources = \
	src/check.h \
	src/check_engines.c \
	src/check_host.c \
	src/check_kernel.c \
	src/cmd_check.c \
	src/cmd_checkpoint.c \
	src/cmd_completion.c \
	src/cmd_create.c \
	src/cmd_events.c \
	src/cmd_exec.c \
	src/cmd_features.c \
	src/cmd_guard.c \
	src/cmd_guard_events.c \
	src/cmd_guard_verify.c \
	src/cmd_lifecycle.c \
	src/cmd_list.c \
	src/cmd_mounts.c \
	src/cmd_ps.c \
	src/cmd_spec.c \
	src/cmd_update.c \
	src/commands.h \
	src/globals.c \
	src/guard.h \
	src/help.c \
	src/main.c \
	src/options.c \
	src/options.h \
	src/options_table.c \
	src/print.c
# Programs of their own.
src_guard_sources = \
	src/guard_main.c
src_guard_load_sources = \
	src/guard_load_main.c
