cgroups_sources = \
	cgroups/cgroup.h
