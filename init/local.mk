init_sources = \
	init/copyup.c \
	init/device.c \
	init/hook.c \
	init/identity.c \
	init/init.h \
	init/landlock.c \
	init/main.c \
	init/mount.c \
	init/move.c \
	init/path.c \
	init/process.c \
	init/string.c \
	init/sys.h
