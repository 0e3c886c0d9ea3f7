libcontainer_sources = \
	libcontainer/container.h \
	libcontainer/delete.c \
	libcontainer/destroy.h \
	libcontainer/foreground.c \
	libcontainer/hooks.c \
	libcontainer/hooks.h \
	libcontainer/kill.c \
	libcontainer/list.c \
	libcontainer/pause.c \
	libcontainer/pidfile.c \
	libcontainer/proc.c \
	libcontainer/proc.h \
	libcontainer/ps.c \
	libcontainer/sdnotify.c \
	libcontainer/state.c \
	libcontainer/state.h \
	libcontainer/statedir.c \
	libcontainer/statedir.h \
	libcontainer/terminal.c \
	libcontainer/terminal.h
