/* SPDX-License-Identifier: Apache-2.0 */
#include "src/options.h"

#define AT(member) .where = offsetof(struct options, member)
#define GIVEN(member) .given = offsetof(struct options, member)
#define EVERY ((1U << CMD_MAX) - 1)
/* More descriptors than a process may have by default (fs.nr_open). */
#define PRESERVE_FDS_MAX 1048576

const struct option_row option_rows[] = {
	{ON(NONE), OPTION_SWITCH, "debug", AT(runtime.debug), .help = "write debug messages to the log"},
	{ON(NONE), OPTION_TEXT, "log", .argument = "FILE", AT(log),
	 .help = "write the log to FILE, to journald:ID or to syslog:ID, and not to stderr"},
	{ON(NONE), OPTION_TEXT, "log-format", .argument = "text|json", AT(log_format),
	 .help = "form of the log (default: text)"},
	{ON(NONE), OPTION_TEXT, "root", .argument = "DIR", AT(runtime.root), GIVEN(runtime.root_given),
	 .help = "directory of the containers' state, on a tmpfs (default: /run/kedge)"},
	{ON(NONE), OPTION_SWITCH, "systemd-cgroup", AT(runtime.systemd_cgroup),
	 .help = "let systemd make cgroups; cgroupsPath is then \"slice:prefix:name\""},
	{ON(NONE), OPTION_TEXT, "cgroup-manager", .argument = "cgroupfs|systemd|disabled", AT(cgroup_manager),
	 .help = "who makes cgroups (default: cgroupfs); disabled: nobody"},
	{ON(NONE), OPTION_TEXT, "rootless", .argument = "true|false|auto", AT(rootless),
	 .help = "go on without permission for cgroups (default: auto)"},

	{ON(CREATE) | ON(RUN) | ON(PLAN), OPTION_TEXT, "bundle", 'b', "DIR", AT(create.bundle),
	 .help = "directory of the bundle (default: the current directory)"},
	{ON(CREATE) | ON(RUN) | ON(PLAN), OPTION_TEXT, "config", 'f', "FILE", AT(create.config),
	 .help = "the configuration (default: config.json in the bundle)"},
	{ON(CREATE) | ON(RUN), OPTION_TEXT, "console-socket", .argument = "SOCKET", AT(create.console_socket),
	 .help = "send the terminal's master end to this unix socket"},
	{ON(CREATE) | ON(RUN), OPTION_TEXT, "pidfd-socket", .argument = "SOCKET", AT(create.pidfd_socket),
	 .help = "send a pidfd of the container's init to this unix socket"},
	{ON(CREATE) | ON(RUN), OPTION_TEXT, "pid-file", .argument = "FILE", AT(create.pid_file),
	 .help = "write the pid of the container's init to FILE"},
	{ON(CREATE) | ON(RUN) | ON(PLAN), OPTION_SWITCH, "no-pivot", AT(create.no_pivot),
	 .help = "move the root instead of pivoting: for a root on a ramdisk"},
	{ON(CREATE) | ON(RUN) | ON(PLAN), OPTION_SWITCH, "no-new-keyring", AT(create.no_new_keyring),
	 .help = "keep the caller's session keyring"},
	{ON(CREATE) | ON(RUN), OPTION_NUMBER, "preserve-fds", .argument = "N", .max = PRESERVE_FDS_MAX,
	 AT(create.preserve_fds), .help = "pass N more descriptors (stdio + $LISTEN_FDS + N in total)"},
	{ON(RUN), OPTION_SWITCH, "detach", 'd', AT(run.detach), .help = "do not wait for the container to end"},
	{ON(RUN), OPTION_SWITCH, "keep", AT(run.keep), .help = "keep the container's state after it has ended"},
	{ON(RUN), OPTION_SWITCH, "no-subreaper", AT(run.no_subreaper),
	 .help = "do not adopt processes that the container leaves behind"},

	{ON(EXEC), OPTION_TEXT, "process", 'p', "FILE", AT(exec.process),
	 .help = "take the whole process object from FILE (JSON)"},
	{ON(EXEC), OPTION_TEXT, "console-socket", .argument = "SOCKET", AT(exec.console_socket),
	 .help = "send the terminal's master end to this unix socket"},
	{ON(EXEC), OPTION_TEXT, "pidfd-socket", .argument = "SOCKET", AT(exec.pidfd_socket),
	 .help = "send a pidfd of the new process to this unix socket"},
	{ON(EXEC), OPTION_TEXT, "pid-file", .argument = "FILE", AT(exec.pid_file),
	 .help = "write the pid of the new process to FILE"},
	{ON(EXEC), OPTION_TEXT, "cwd", .argument = "DIR", AT(exec.cwd), .help = "working directory in the container"},
	{ON(EXEC), OPTION_LIST, "env", 'e', "NAME=VALUE", AT(exec.env), .count = offsetof(struct options, exec.n_env),
	 .help = "set an environment variable (may be repeated)"},
	{ON(EXEC), OPTION_SWITCH, "tty", 't', AT(exec.tty), GIVEN(exec.tty_given), .help = "allocate a terminal"},
	{ON(EXEC), OPTION_TEXT, "user", 'u', "UID[:GID]", AT(exec.user), .help = "run as this user"},
	{ON(EXEC), OPTION_LIST, "additional-gids", 'g', "GID", AT(exec.gids),
	 .count = offsetof(struct options, exec.n_gids), .help = "one more group (may be repeated)"},
	{ON(EXEC), OPTION_SWITCH, "detach", 'd', AT(exec.detach), .help = "do not wait for the process to end"},
	{ON(EXEC), OPTION_TEXT, "process-label", .argument = "LABEL", AT(exec.process_label),
	 .help = "SELinux label of the process"},
	{ON(EXEC), OPTION_TEXT, "apparmor", .argument = "PROFILE", AT(exec.apparmor),
	 .help = "AppArmor profile of the process"},
	{ON(EXEC), OPTION_SWITCH, "no-new-privs", AT(exec.no_new_privs), GIVEN(exec.no_new_privs_given),
	 .help = "deny the process any gain of privileges"},
	{ON(EXEC), OPTION_LIST, "cap", 'c', "CAP", AT(exec.caps), .count = offsetof(struct options, exec.n_caps),
	 .help = "add a capability (may be repeated)"},
	{ON(EXEC), OPTION_NUMBER, "preserve-fds", .argument = "N", .max = PRESERVE_FDS_MAX, AT(exec.preserve_fds),
	 .help = "pass N more descriptors (stdio + N in total)"},
	{ON(EXEC), OPTION_ONCE, "cgroup", .argument = "PATH", AT(exec.cgroup),
	 .help = "run in this cgroup below the container's own; it must exist"},
	{ON(EXEC), OPTION_SWITCH, "ignore-paused", AT(exec.ignore_paused),
	 .help = "start in a paused container too: the process runs once it is resumed"},
	{ON(PLAN), OPTION_TEXT, "process", 'p', "FILE", AT(exec.process),
	 .help = "show the steps of exec with this process object instead"},

	{ON(SPEC), OPTION_TEXT, "bundle", 'b', "DIR", AT(bundle), .help = "where to write (default: the current directory)"},
	{ON(SPEC), OPTION_SWITCH, "rootless", AT(spec_rootless), .help = "for a container without root privileges"},
	{ON(LIST) | ON(PS), OPTION_TEXT, "format", 'f', "table|json", AT(format),
	 .help = "form of the output (default: table)"},
	{ON(LIST), OPTION_SWITCH, "quiet", 'q', AT(quiet), .help = "print the ids alone"},
	{ON(KILL), OPTION_SWITCH, "all", 'a', AT(all),
	 .help = "signal every process; a container that has stopped is no error"},
	{ON(KILL) | ON(DELETE), OPTION_SWITCH, "regex", 'r', AT(regex),
	 .help = "the id is an extended regular expression, for all that match it"},
	{ON(DELETE), OPTION_SWITCH, "force", 'f', AT(force), .help = "kill the container first if it runs"},

	{ON(CHECK), OPTION_SWITCH, "json", AT(json), .help = "print JSON"},
	{ON(EVENTS), OPTION_TEXT, "interval", .argument = "TIME", AT(interval),
	 .help = "time between two statistics, as in 100ms (default: 5s)"},
	{ON(GUARD), OPTION_SWITCH, "json", AT(json), .help = "status, events, verify: print JSON"},
	{ON(GUARD), OPTION_SWITCH, "follow", AT(follow), .help = "events: go on with those to come"},
	{ON(GUARD), OPTION_SWITCH, "force", AT(force), .help = "stop: though containers are left unguarded"},
	{ON(EVENTS), OPTION_SWITCH, "stats", AT(stats), .help = "print the statistics once"},

	{ON(UPDATE), OPTION_TEXT, "resources", 'r', "FILE", AT(update.resources),
	 .help = "take the resources from FILE (JSON), or from stdin when it is -"},
	{ON(UPDATE), OPTION_TEXT, "blkio-weight", .argument = "WEIGHT", AT(update.blkio_weight),
	 .help = "weight of I/O, 10 to 1000"},
	{ON(UPDATE), OPTION_TEXT, "cpu-period", .argument = "USEC", AT(update.cpu_period),
	 .help = "time in which the CPU quota may be used"},
	{ON(UPDATE), OPTION_TEXT, "cpu-quota", .argument = "USEC", AT(update.cpu_quota),
	 .help = "CPU time in a period; -1: no limit"},
	{ON(UPDATE), OPTION_TEXT, "cpu-burst", .argument = "USEC", AT(update.cpu_burst),
	 .help = "CPU time that may be saved up from earlier periods"},
	{ON(UPDATE), OPTION_TEXT, "cpu-share", .argument = "N", AT(update.cpu_share),
	 .help = "share of the CPUs, against other containers"},
	{ON(UPDATE), OPTION_TEXT, "cpu-rt-period", .argument = "USEC", AT(update.cpu_rt_period),
	 .help = "not in cgroup v2: must be 0"},
	{ON(UPDATE), OPTION_TEXT, "cpu-rt-runtime", .argument = "USEC", AT(update.cpu_rt_runtime),
	 .help = "not in cgroup v2: must be 0"},
	{ON(UPDATE), OPTION_TEXT, "cpuset-cpus", .argument = "LIST", AT(update.cpuset_cpus),
	 .help = "CPUs to run on, as in 0-3,7"},
	{ON(UPDATE), OPTION_TEXT, "cpuset-mems", .argument = "LIST", AT(update.cpuset_mems),
	 .help = "memory nodes to use, as in 0-3,7"},
	{ON(UPDATE), OPTION_TEXT, "cpu-idle", .argument = "0|1", AT(update.cpu_idle),
	 .help = "1: run only when nothing else wants to (SCHED_IDLE)"},
	{ON(UPDATE), OPTION_TEXT, "memory", .argument = "SIZE", AT(update.memory),
	 .help = "limit of memory, as in 512m; -1: none"},
	{ON(UPDATE), OPTION_TEXT, "memory-reservation", .argument = "SIZE", AT(update.memory_reservation),
	 .help = "memory that is left to the container while others want it"},
	{ON(UPDATE), OPTION_TEXT, "memory-swap", .argument = "SIZE", AT(update.memory_swap),
	 .help = "limit of memory and swap together; -1: none"},
	{ON(UPDATE), OPTION_TEXT, "pids-limit", .argument = "N", AT(update.pids_limit),
	 .help = "limit of processes; -1: none"},
	{ON(UPDATE), OPTION_TEXT, "l3-cache-schema", .argument = "SCHEMA", AT(update.l3_cache_schema),
	 .help = "schema of the L3 cache (Intel RDT/CAT), as in L3:0=f;1=f0"},
	{ON(UPDATE), OPTION_TEXT, "mem-bw-schema", .argument = "SCHEMA", AT(update.mem_bw_schema),
	 .help = "schema of the memory bandwidth (Intel RDT/MBA), as in MB:0=20;1=70"},
	{ON(UPDATE), OPTION_TEXT, "kernel-memory", .argument = "SIZE", AT(update.kernel_memory),
	 .help = "obsolete: ignored with a warning"},
	{ON(UPDATE), OPTION_TEXT, "kernel-memory-tcp", .argument = "SIZE", AT(update.kernel_memory_tcp),
	 .help = "obsolete: ignored with a warning"},

	{EVERY, OPTION_SWITCH, "help", 'h', AT(help), .help = "show this help"},
	{ON(NONE), OPTION_SWITCH, "version", 'v', AT(version), .help = "print the version"},
};
const size_t n_option_rows = ARRAY_SIZE(option_rows);

#define ANY SIZE_MAX
#define ARGUMENTS(least, most) .min = least, .max = most

const struct command_row command_rows[CMD_MAX] = {
	[CMD_CHECK] = {"check", "", "tell what this host can do for containers",
		"One line a check: ok, limited (some of what a container may ask for does not work), missing,\n"
		"or - (nothing to look at); then hints. The status is 1 when containers cannot run.", ARGUMENTS(0, 0)},
	[CMD_CREATE] = {"create", "<container-id>", "create a container",
		"Sets up everything that config.json in the bundle asks for, up to the program, which\n"
		"start executes. The id must be unique within --root.", ARGUMENTS(1, 1)},
	[CMD_DELETE] = {"delete", "<container-id>", "remove a container that has stopped",
		"Removes the container's state and cgroup. With --force an id that does not exist is no\n"
		"error, and leftovers of an interrupted create are removed.", ARGUMENTS(1, 1)},
	[CMD_EVENTS] = {"events", "<container-id>", "print what a container uses, and when memory ran out",
		"One JSON object a line: statistics at each interval, and \"oom\" when the kernel has killed\n"
		"a process for want of memory. Ends when the container has no process left.", ARGUMENTS(1, 1)},
	[CMD_EXEC] = {"exec", "<container-id> <command> [arguments...]", "run another process in a container",
		"The process is that of the container's configuration, changed by the options, or the one\n"
		"in --process FILE. Everything after the id belongs to the command. The exit status is the\n"
		"process's own, or 255 when it could not be started.", ARGUMENTS(1, ANY), .stop = true},
	[CMD_FEATURES] = {"features", "", "print what this runtime can do, as JSON", ARGUMENTS(0, 0)},
	[CMD_GUARD] = {"guard", "status|events|verify|start|stop|metrics", "ask the drift guard, start or stop it",
		"status   what guards this host, and why nothing stronger does\n"
		"events   the audit log\n"
		"verify   <container-id>: compare each of its processes with where it was put\n"
		"start    start kedge-guard, unless it runs\n"
		"stop     end it, and take its programs out of the kernel\n"
		"metrics  the numbers of status, in Prometheus's text format", ARGUMENTS(1, 2)},
	[CMD_KILL] = {"kill", "<container-id> [signal]", "send a signal to a container's init",
		"The signal is a name with or without SIG, or a number; TERM when there is none.",
		ARGUMENTS(1, 2), .stop = true},
	[CMD_LIST] = {"list", "", "list containers", "Those below --root, sorted by id.", ARGUMENTS(0, 0)},
	[CMD_PAUSE] = {"pause", "<container-id>", "suspend all processes of a container", ARGUMENTS(1, 1)},
	[CMD_PLAN] = {"plan", "[container-id]", "show what create would do, step by step",
		"Needs no privileges and changes nothing.", ARGUMENTS(0, 1)},
	[CMD_PS] = {"ps", "<container-id> [ps options]", "list the processes of a container",
		"The table is that of the host's ps(1), called with the given options (default: -ef) and\n"
		"reduced to the container's processes.", ARGUMENTS(1, ANY), .stop = true},
	[CMD_RESUME] = {"resume", "<container-id>", "resume all processes of a container", ARGUMENTS(1, 1)},
	[CMD_RUN] = {"run", "<container-id>", "create a container and start it",
		"Waits for the container to end unless --detach is given; the exit status is then that of\n"
		"its program.", ARGUMENTS(1, 1)},
	[CMD_SPEC] = {"spec", "", "write a config.json to start from", ARGUMENTS(0, 0)},
	[CMD_START] = {"start", "<container-id>", "execute the program of a created container", ARGUMENTS(1, 1)},
	[CMD_STATE] = {"state", "<container-id>", "print the state of a container, as JSON", ARGUMENTS(1, 1)},
	[CMD_UPDATE] = {"update", "<container-id>", "change the limits of a container",
		"Takes the options, or with --resources the JSON object linux.resources of a configuration.\n"
		"What is left out stays as it is, as do the rules for devices in every case. When a limit\n"
		"cannot be set the old ones are back.", ARGUMENTS(1, 1)},
	[CMD_COMPLETION] = {"completion", "bash|zsh|fish", "print a completion script for a shell", ARGUMENTS(1, 1)},
	[CMD_HELP] = {"help", "[command]", "show a list of commands, or help for one", ARGUMENTS(0, 1)},
};
