cgroups_sources = \
	cgroups/apply.c \
	cgroups/cgroup.h \
	cgroups/controllers.c \
	cgroups/dbus.c \
	cgroups/devices.c \
	cgroups/devices_bpf.c \
	cgroups/events.c \
	cgroups/freeze.c \
	cgroups/fs.c \
	cgroups/internal.h \
	cgroups/kill.c \
	cgroups/pids.c \
	cgroups/place.c \
	cgroups/remove.c \
	cgroups/stats.c \
	cgroups/stats_json.c \
	cgroups/update.c \
	cgroups/watch.c \
	cgroups/systemd.c \
	cgroups/unit.h \
	cgroups/unit_name.c \
	cgroups/unit_properties.c \
	cgroups/unit_value.c \
	cgroups/weight.c \
	cgroups/writes.c
