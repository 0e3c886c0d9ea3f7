#!/usr/bin/env bats
# linux.intelRdt. No machine of the test beds has resctrl, so all but the refusal is tested with tests/helpers/resctrl.c,
# which takes a directory for it; what the kernel would do with what is written is not.
# shellcheck disable=SC2154 # what kedge() sets

load helpers

setup() {
	begin
	R=$T/resctrl
}

fake() {
	command -v "${CC:-cc}" >/dev/null || skip "no C compiler, to make a file system that stands for resctrl"
	[[ $(ldd "$KEDGE" 2>&1) == *libc.so* ]] || skip "kedge is linked statically: nothing can stand for resctrl"
	"${CC:-cc}" -shared -fPIC -O1 -o "$T/resctrl.so" "$HELPERS/resctrl.c"
	mkdir -p "$R"/{info/MB,mon_groups}
	echo ok >"$R/info/last_cmd_status"
	echo 10 >"$R/info/MB/bandwidth_gran"
	printf '    MB:0=100;1=100\n    L3:0=fffff;1=fffff\n' >"$R/schemata"
	: >"$R/tasks"
	cat >"$T/kedge" <<-END
		#!/bin/sh
		export ASAN_OPTIONS=\$ASAN_OPTIONS:verify_asan_link_order=0
		FAKE_RESCTRL=$R LD_PRELOAD=$T/resctrl.so exec $KEDGE "\$@"
	END
	chmod +x "$T/kedge"
	KEDGE=$T/kedge
}

rdt() { sleeper ".linux.intelRdt = $1" "${@:2}"; }
groups_left() { find "$R" -mindepth 1 -maxdepth 3 -type d ! -path "$R/info*" ! -name mon_groups -printf '%P '; }

@test "without resctrl the property is refused" {
	! grep -q ' - resctrl ' /proc/self/mountinfo || skip "this machine has resctrl"
	rdt '{}'
	refused "linux.intelRdt: no resctrl file system is mounted"
	rdt '{closID: "/"}'
	refused "linux.intelRdt: no resctrl file system is mounted"
}

@test "without closID the group has the container's id, and goes with it" {
	fake
	rdt '{l3CacheSchema: "L3:0=f;1=f0", enableMonitoring: true}'
	ok run --detach --bundle "$BUNDLE" c1
	is "$(cat "$R/c1/tasks")" "$(pid_of)"
	is "$(cat "$R/c1/mon_groups/c1/tasks")" "$(pid_of)"
	has "$(cat "$R/c1/schemata")" "L3:0=f;1=f0"
	ok delete --force c1
	is "$(groups_left)" ""
}

@test "exec joins the groups of the container" {
	fake
	rdt '{enableMonitoring: true}'
	ok run --detach --bundle "$BUNDLE" c1
	ok exec --detach --pid-file "$T/pid" c1 sleep 1000
	is "$(cat "$R/c1/tasks")" "$(cat "$T/pid")"
	is "$(cat "$R/c1/mon_groups/c1/tasks")" "$(cat "$T/pid")"
}

@test "a group named by closID is made when there is a schema, and stays" {
	fake
	rdt '{closID: "gold", schemata: ["MB:0=20"], enableMonitoring: true}'
	ok run --detach --bundle "$BUNDLE" c1
	has "$(cat "$R/gold/schemata")" "MB:0=20"
	is "$(cat "$R/gold/mon_groups/c1/tasks")" "$(pid_of)"
	ok delete --force c1
	is "$(groups_left)" "gold "
}

@test "a group that is there must have the schemata asked for" {
	fake
	mkdir -p "$R/gold"
	printf '    MB:0=30;1=100\n    L3:0=f;1=fffff\n' >"$R/gold/schemata"
	: >"$R/gold/tasks"
	rdt '{closID: "gold", l3CacheSchema: "L3:0=0f", memBwSchema: "MB:0=25"}'
	ok run --detach --bundle "$BUNDLE" c1
	is "$(head -n1 "$R/gold/schemata")" "    MB:0=30;1=100"
	ok delete --force c1
	rdt '{closID: "gold", l3CacheSchema: "L3:0=1f"}'
	refused "linux.intelRdt.l3CacheSchema: group 'gold' exists with other schemata than 'L3:0=1f'"
	rdt '{closID: "gold", memBwSchema: "MB:0=40"}'
	refused "linux.intelRdt.memBwSchema: group 'gold' exists with other schemata than 'MB:0=40'"
	is "$(groups_left)" "gold "
}

@test "a group named by closID alone must be there" {
	fake
	rdt '{closID: "gold"}'
	refused "linux.intelRdt.closID: there is no group 'gold', and no schema to make it from"
	mkdir "$R/gold"
	: >"$R/gold/tasks"
	ok run --detach --bundle "$BUNDLE" c1
	is "$(cat "$R/gold/tasks")" "$(pid_of)"
}

@test "the default class is the root of the file system" {
	fake
	rdt '{closID: "/", enableMonitoring: true}'
	ok run --detach --bundle "$BUNDLE" c1
	is "$(cat "$R/tasks")" "$(pid_of)"
	is "$(cat "$R/mon_groups/c1/tasks")" "$(pid_of)"
	ok delete --force c1
	is "$(groups_left)" ""
	is "$(cat "$R/schemata")" "$(printf '    MB:0=100;1=100\n    L3:0=fffff;1=fffff')"
}

@test "what the kernel says of a refusal is told, and a create that fails leaves nothing" {
	fake
	rdt '{closID: "gold", schemata: ["L3:0=f"], enableMonitoring: true}' '.process.args = ["/nosuch"]'
	refused 'exec: "/nosuch"'
	is "$(groups_left)" ""
	touch "$R/info/full"
	echo "Run out of CLOSIDs" >"$R/info/last_cmd_status"
	rdt '{}'
	refused "linux.intelRdt: cannot make group 'c1': Run out of CLOSIDs"
	mkdir -p "$R/gold"/mon_groups
	: >"$R/gold/tasks"
	rdt '{closID: "gold", enableMonitoring: true}'
	refused "linux.intelRdt.enableMonitoring: cannot make monitoring group 'c1': Run out of CLOSIDs"
	mkdir "$R/gold/mon_groups/c1"
	refused "linux.intelRdt.enableMonitoring: group 'gold' has a monitoring group 'c1' already"
	is "$(groups_left)" "gold gold/mon_groups/c1 "
}

@test "a create that was killed is undone by delete --force" {
	fake
	rdt '{closID: "gold", schemata: ["L3:0=f"], enableMonitoring: true}' 'hook("createRuntime"; "kill -9 $PPID")'
	kedge create --bundle "$BUNDLE" c1
	is "$status" 137
	is "$(groups_left)" "gold gold/mon_groups/c1 "
	ok delete --force c1
	is "$(groups_left)" ""
}

@test "properties of older versions are told about" {
	fake
	rdt '{enableCMT: true}'
	kedge run --detach --bundle "$BUNDLE" c1
	is "$status" 0
	has "$stderr" "linux.intelRdt.enableCMT has become enableMonitoring in version 1.3.0, ignoring it"
}

@test "update: schemata of the group, put back when a limit of the cgroup is refused" {
	fake
	rdt '{l3CacheSchema: "L3:0=f", memBwSchema: "MB:0=50"}'
	ok run --detach --bundle "$BUNDLE" c1
	printf '    MB:0=50\n    L3:0=f\n' >"$R/c1/schemata"
	ok update --l3-cache-schema "L3:0=ff" c1
	has "$(cat "$R/c1/schemata")" "L3:0=ff"
	printf '    MB:0=50\n    L3:0=ff\n' >"$R/c1/schemata"
	echo '{"unified": {"cgroup.nonsense": "1"}}' >"$T/r"
	fails 1 cgroup.nonsense update --mem-bw-schema "MB:0=20" -r "$T/r" c1
	has "$(head -c 8 "$R/c1/schemata")" "MB:0=50"
	echo '{}' >"$T/r"
	ok update --mem-bw-schema "MB:0=20" -r "$T/r" c1
	has "$(cat "$R/c1/schemata")" "MB:0=20"
	fails 1 "has no schema that 'L2:0=f' could replace" update --l3-cache-schema "L2:0=f" c1
}

@test "update: schemata without linux.intelRdt are refused" {
	start
	fails 1 "updating a non-existent Intel RDT configuration is not supported" update --l3-cache-schema L3:0=f c1
}

@test "events: what resctrl tells of the group" {
	fake
	mkdir -p "$R/info/L3" "$R/info/L3_MON"
	echo fffff >"$R/info/L3/cbm_mask"
	echo 1 >"$R/info/L3/min_cbm_bits"
	echo 16 >"$R/info/L3/num_closids"
	echo 10 >"$R/info/MB/min_bandwidth"
	printf 'llc_occupancy\nmbm_total_bytes\nmbm_local_bytes\n' >"$R/info/L3_MON/mon_features"
	rdt '{enableMonitoring: true}'
	ok run --detach --bundle "$BUNDLE" c1
	printf '    MB:0=50;1=100\n    L3:0=f;1=ff\n' >"$R/c1/schemata"
	for domain in 00 01; do
		mkdir -p "$R/c1/mon_groups/c1/mon_data/mon_L3_$domain"
		echo "1$domain" >"$R/c1/mon_groups/c1/mon_data/mon_L3_$domain/llc_occupancy"
		echo "2$domain" >"$R/c1/mon_groups/c1/mon_data/mon_L3_$domain/mbm_total_bytes"
		echo Unavailable >"$R/c1/mon_groups/c1/mon_data/mon_L3_$domain/mbm_local_bytes"
	done
	ok events --stats c1
	is "$(jq -c .data.intel_rdt <<<"$output")" "$(jq -c . <<-'END'
		{"l3_cache_info": {"cbm_mask": "fffff", "min_cbm_bits": 1, "num_closids": 16},
		 "l3_cache_schema_root": "L3:0=fffff;1=fffff", "l3_cache_schema": "L3:0=f;1=ff",
		 "mem_bw_info": {"bandwidth_gran": 10, "min_bandwidth": 10},
		 "mem_bw_schema_root": "MB:0=100;1=100", "mem_bw_schema": "MB:0=50;1=100",
		 "schemata": ["MB:0=50;1=100", "    L3:0=f;1=ff"],
		 "mbm_stats": [{"mbm_total_bytes": 200, "mbm_local_bytes": 0}, {"mbm_total_bytes": 201, "mbm_local_bytes": 0}],
		 "cmt_stats": [{"llc_occupancy": 100}, {"llc_occupancy": 101}]}
	END
	)"
	rm -r "$R/c1/mon_groups/c1/mon_data"
}
