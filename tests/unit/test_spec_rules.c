/* SPDX-License-Identifier: Apache-2.0 */
/* Each rule over several properties, by the smallest config that breaks it, and by one that just does not. */
#include <string.h>

#include "tests/unit/spec_util.h"

struct rule_case {
	const char *body, *message; /* body with ' for "; message NULL: accepted */
};

static const char *refusal(const char *before, const char *body, const char *after)
{
	char text[4096];

	snprintf(text, sizeof(text), "%s%s%s", before, body, after);
	for (char *p = text; (p = strchr(p, '\'')); p++)
		*p = '"';
	return spec_refusal(text, strlen(text), NULL);
}

static void check(const char *before, const struct rule_case *c, size_t n, const char *after)
{
	for (size_t i = 0; i < n; i++) {
		const char *got = refusal(before, c[i].body, after);
		bool good = c[i].message ? got && strstr(got, c[i].message) : !got;
		if (!good)
			diag("got: %s", got ?: "accepted");
		ok(good, "%s: %s", c[i].body, c[i].message ?: "accepted");
	}
}

#define CHECK(BEFORE, CASES, AFTER) \
	check("{'ociVersion':'1.3.0','root':{'path':'r'}," BEFORE, CASES, ARRAY_SIZE(CASES), AFTER)
#define MAP       "[{'containerID':0,'hostID':1000,'size':1}]"
#define JOIN_USER "'namespaces':[{'type':'user','path':'/x'}],"

static const struct rule_case versions[] = {
	{"1.0.0", NULL},
	{"1.0.2-dev", NULL},
	{"1.0.0-rc5", NULL},
	{"1.2.0+dev", NULL},
	{"1.2.1-rc.1+x.y", NULL},
	{"1.99.0", NULL},
	{"2.0.0", "config.json:1: ociVersion: ociVersion '2.0.0' is not supported"},
	{"0.9.0", "ociVersion '0.9.0' is not supported"},
	{"10.0.0", "is not supported"},
	{"invalid", "ociVersion: 'invalid' is not a version"},
	{"1.0", "is not a version"},
	{"1.0.0.0", "is not a version"},
	{"1.0.00", "is not a version"},
	{"v1.0.0", "is not a version"},
	{"1.0.0 ", "is not a version"},
	{"1.0.0-", "is not a version"},
	{"1.0.0+", "is not a version"},
	{"1.0.0-a b", "is not a version"},
};

static const struct rule_case process_cases[] = {
	{"'cwd':'/','args':['a']", NULL},
	{"'cwd':'/'", "process.args: must have at least one entry"},
	{"'cwd':'/','args':[]", "process.args: must have at least one entry"},
	{"'cwd':'/','args':['']", "process.args[0]: must not be empty"},
	{"'cwd':'/','args':['a','']", NULL},
	{"'cwd':'a','args':['a']", "process.cwd: must be an absolute path, is 'a'"},
	{"'cwd':'','args':['a']", "process.cwd: must not be empty"},
	{"'args':['a']", "process.cwd: is required"},
};

static const struct rule_case run_cases[] = {
	{"'env':['A=','B=c=d']", NULL},
	{"'env':['A=','B']", "process.env[1]: must have the form NAME=VALUE, is 'B'"},
	{"'env':['=b']", "process.env[0]: must have the form NAME=VALUE"},
	{"'env':['']", "process.env[0]"},
	{"'user':{'uid':4294967295,'gid':0}", "process.user.uid: must be between 0 and 4294967294"},
	{"'user':{'uid':4294967296,'gid':0}", "process.user.uid"},
	{"'user':{'uid':-1,'gid':0}", "process.user.uid: must be between 0 and 4294967294, is -1"},
	{"'user':{'uid':'0','gid':0}", "process.user.uid: must be a number, is a string"},
	{"'user':{'gid':0}", "process.user.uid: is required"},
	{"'user':{'uid':0}", NULL},
	{"'user':{'uid':0,'gid':0,'umask':512}", "process.user.umask"},
	{"'user':{'uid':0,'gid':0,'additionalGids':[1,-1]}", "process.user.additionalGids[1]"},
	{"'rlimits':[{'type':'RLIMIT_CPU','soft':1,'hard':2},{'type':'RLIMIT_AS','soft':1,'hard':1}]", NULL},
	{"'rlimits':[{'type':'RLIMIT_CPU','soft':3,'hard':2}]", "process.rlimits[0]: the soft limit of RLIMIT_CPU"},
	{"'rlimits':[{'type':'RLIMIT_CPU','soft':1,'hard':2},{'type':'RLIMIT_CPU','soft':1,'hard':2}]",
	 "process.rlimits[1]: RLIMIT_CPU is listed twice"},
	{"'rlimits':[{'type':'RLIMIT_X','soft':1,'hard':2}]",
	 "process.rlimits[0].type: unknown resource limit 'RLIMIT_X' (known: RLIMIT_AS "},
	{"'oomScoreAdj':1001", "process.oomScoreAdj: must be between -1000 and 1000, is 1001"},
	{"'oomScoreAdj':-1001", "process.oomScoreAdj"},
	{"'terminal':true,'consoleSize':{'height':65535,'width':1}", NULL},
	{"'terminal':true,'consoleSize':{'height':65536,'width':1}", "process.consoleSize: must be at most"},
	{"'terminal':false,'consoleSize':{'height':65536,'width':1}", NULL},
	{"'consoleSize':{'height':1}", "process.consoleSize.width: is required"},
	{"'capabilities':{'bounding':['CAP_NONE']}", NULL},
	{"'capabilities':{'bounding':'CAP_KILL'}", "process.capabilities.bounding: must be an array, is a string"},
	{"'scheduler':{'policy':'SCHED_OTHER','nice':19}", NULL},
	{"'scheduler':{'policy':'SCHED_OTHER','nice':20}", "process.scheduler.nice: must be between -20 and 19"},
	{"'scheduler':{'policy':'SCHED_BATCH','nice':-21}", "process.scheduler.nice"},
	{"'scheduler':{'policy':'SCHED_BATCH','priority':1}", "process.scheduler.priority: is for the policies"},
	{"'scheduler':{'policy':'SCHED_RR','priority':99}", NULL},
	{"'scheduler':{'policy':'SCHED_RR'}", "process.scheduler.priority: must be between 1 and 99"},
	{"'scheduler':{'policy':'SCHED_FIFO','priority':100}", "process.scheduler.priority"},
	{"'scheduler':{'policy':'SCHED_RR','priority':1,'runtime':1}", "for the policy SCHED_DEADLINE only"},
	{"'scheduler':{'policy':'SCHED_DEADLINE','nice':19,'runtime':1,'deadline':2,'period':3}", NULL},
	{"'scheduler':{'policy':'SCHED_DEADLINE','runtime':3,'deadline':2,'period':3}", "runtime <= deadline"},
	{"'scheduler':{'policy':'SCHED_DEADLINE','runtime':1,'deadline':4,'period':3}", "deadline <= period"},
	{"'scheduler':{'policy':'SCHED_DEADLINE'}", "0 < runtime"},
	{"'scheduler':{'policy':'SCHED_ISO'}", "Linux does not implement SCHED_ISO"},
	{"'scheduler':{'policy':'SCHED_X'}", "process.scheduler.policy: unknown scheduling policy 'SCHED_X' (known: "},
	{"'scheduler':{'policy':'SCHED_OTHER','flags':['X']}", "process.scheduler.flags[0]: unknown scheduler flag"},
	{"'scheduler':{'nice':1}", "process.scheduler.policy: is required"},
	{"'ioPriority':{'class':'IOPRIO_CLASS_RT','priority':7}", NULL},
	{"'ioPriority':{'class':'IOPRIO_CLASS_RT','priority':8}",
	 "process.ioPriority.priority: must be between 0 and 7"},
	{"'ioPriority':{'class':'RT','priority':1}", "process.ioPriority.class: unknown"},
	{"'execCPUAffinity':{'initial':'0-3, 7,,','final':''}", NULL},
	{"'execCPUAffinity':{'initial':'3-0'}", "process.execCPUAffinity.initial: must be a list"},
	{"'execCPUAffinity':{'final':'a'}", "process.execCPUAffinity.final: must be a list"},
	{"'execCPUAffinity':{'final':'1 2'}", "must be a list"},
	{"'execCPUAffinity':{'final':'0-9876543210'}", "must be a list"},
	{"'execCPUAffinity':{'final':'1-'}", "must be a list"},
	{"'terminal':null", "process.terminal: must be a boolean, is null"},
};

static const struct rule_case mount_cases[] = {
	{"'type':'tmpfs'", NULL},
	{"'source':'/x','options':['bind']", NULL},
	{"'source':'/x'", "mounts[0]: a mount that is no bind mount needs a type"},
	{"'options':['rbind']", "mounts[0]: a bind mount needs a source"},
	{"'source':'/x','options':['bind','size=1','mode=755']", NULL},
	{"'source':'/x','options':['bind','size=1','subvol=1']",
	 "mounts[0].options: a bind mount cannot have the file system option 'subvol'"},
	{"'source':'/x','options':['bind',7]", "mounts[0].options[1]: must be a string, is a number"},
	{"'source':'/x','options':['bind'],'uidMappings':" MAP, "must be given together"},
	{"'source':'/x','options':['bind'],'gidMappings':" MAP, "must be given together"},
	{"'source':'/x','options':['bind','idmap'],'uidMappings':" MAP ",'gidMappings':" MAP, NULL},
	{"'source':'/x','options':['bind','idmap']", "needs uidMappings and gidMappings or a user namespace"},
	{"'source':'/x','options':['bind','idmap=uids=0-1-2;gids=0-1-2']", NULL},
};

static const struct rule_case top_cases[] = {
	{"'hostname':'h'", "hostname: needs a 'uts' namespace"},
	{"'domainname':'h'", "domainname: needs a 'uts' namespace"},
	{"'hostname':'h','linux':{'namespaces':[{'type':'uts','path':'/x'}]}", NULL},
	{"'hostname':'0123456789012345678901234567890123456789012345678901234567890123x',"
	 "'linux':{'namespaces':[{'type':'uts'}]}",
	 "hostname: must be at most 64 bytes long"},
	{"'hostname':''", NULL},
	{"'hooks':{'poststop':[{'path':'/a'},{'path':'a'}]}", "hooks.poststop[1].path: must be an absolute path"},
	{"'hooks':{'prestart':[{'path':'/a','timeout':0}]}", "hooks.prestart[0].timeout: must be between 1 and"},
	{"'hooks':{'prestart':[{}]}", "hooks.prestart[0].path: is required"},
	{"'annotations':{'':'x'}", "annotations[\"\"]: the name must not be empty"},
	{"'annotations':{'a.b':1}", "annotations[\"a.b\"]: must be a string, is a number"},
	{"'mounts':[{'type':'tmpfs'}]", "mounts[0].destination: is required"},
	{"'vm':7,'windows':null", NULL},
};

static const struct rule_case namespace_cases[] = {
	{"'namespaces':[{'type':'pidd'}]",
	 "linux.namespaces[0].type: unknown namespace 'pidd' (known: cgroup ipc mount network pid time user uts)"},
	{"'namespaces':[{'type':'pid'},{'type':'pid'}]", "linux.namespaces[1]: the namespace 'pid' is listed twice"},
	{"'namespaces':[{'type':'pid','path':'x'}]", "the path of 'pid' must be absolute"},
	{"'namespaces':[{'type':'user'}]", "linux.uidMappings: is required for a new user namespace"},
	{"'namespaces':[{'type':'user'}],'uidMappings':" MAP, "linux.gidMappings: is required"},
	{"'namespaces':[{'type':'user'}],'uidMappings':" MAP ",'gidMappings':" MAP, NULL},
	{"'namespaces':[{'type':'user','path':'/x'}]", NULL},
	{"'uidMappings':" MAP, "linux.uidMappings: needs a 'user' namespace"},
	{"'gidMappings':" MAP, "linux.gidMappings: needs a 'user' namespace"},
	{JOIN_USER "'uidMappings':[{'containerID':0,'hostID':0,'size':0}]",
	 "linux.uidMappings[0].size: must be between 1 and"},
	{JOIN_USER "'uidMappings':[{'containerID':1,'hostID':0,'size':4294967295}]",
	 "linux.uidMappings[0]: the range goes beyond the last id"},
	{JOIN_USER "'uidMappings':[{'containerID':0,'hostID':0,'size':4294967295}]", NULL},
	{JOIN_USER "'uidMappings':[{'containerID':0,'hostID':0,'size':10},{'containerID':9,'hostID':100,'size':1}]",
	 "linux.uidMappings[1]: the container's ids overlap"},
	{JOIN_USER "'gidMappings':[{'containerID':0,'hostID':0,'size':10},{'containerID':10,'hostID':5,'size':1}]",
	 "linux.gidMappings[1]: the host's ids overlap"},
	{"'maskedPaths':['/x']", "linux.maskedPaths: needs a 'mount' namespace"},
	{"'readonlyPaths':['/x']", "linux.readonlyPaths: needs a 'mount' namespace"},
	{"'maskedPaths':[]", NULL},
	{"'timeOffsets':{'boottime':{'secs':1}}", "linux.timeOffsets: needs a 'time' namespace"},
	{"'timeOffsets':null", NULL},
	{"'namespaces':[{'type':'time','path':'/x'}],'timeOffsets':{'boottime':{}}", "needs a new time namespace"},
	{"'netDevices':{'eth0':{}}", "linux.netDevices: needs a 'network' namespace"},
	{"'sysctl':{'net.ipv4.ip_forward':'1'}",
	 "linux.sysctl[\"net.ipv4.ip_forward\"]: is not allowed in the host's network namespace"},
	{"'namespaces':[{'type':'network','path':'/proc/self/ns/net'}],'sysctl':{'net.a':'1'}",
	 "is not allowed in the host's network namespace"},
	{"'sysctl':{'kernel.shmmax':'1'}", "needs an 'ipc' namespace"},
	{"'sysctl':{'fs.mqueue.msg_max':'1'}", "needs an 'ipc' namespace"},
	{"'sysctl':{'kernel.domainname':'x'}", "is not in a separate kernel namespace"},
	{"'sysctl':{'vm.memfd_noexec':'2'}", "needs a new 'pid' namespace"},
};

static const struct rule_case linux_cases[] = {
	{"'memoryPolicy':{'mode':'MPOL_DEFAULT'}", NULL},
	{"'memoryPolicy':{'mode':'MPOL_DEFAULT','nodes':''}", NULL},
	{"'memoryPolicy':{'mode':'MPOL_LOCAL','nodes':'0'}",
	 "linux.memoryPolicy.nodes: must be empty for the mode MPOL_LOCAL"},
	{"'memoryPolicy':{'mode':'MPOL_BIND'}", "linux.memoryPolicy.nodes: is required for the mode MPOL_BIND"},
	{"'memoryPolicy':{'mode':'MPOL_PREFERRED'}", NULL},
	{"'memoryPolicy':{'mode':'MPOL_BIND','nodes':'x'}", "linux.memoryPolicy.nodes: must be a list"},
	{"'memoryPolicy':{'mode':'MPOL_BIND','nodes':'0','flags':['MPOL_F_STATIC_NODES','MPOL_F_RELATIVE_NODES']}",
	 "exclude each other"},
	{"'memoryPolicy':{'mode':'BIND'}", "linux.memoryPolicy.mode: unknown memory policy mode 'BIND'"},
	{"'memoryPolicy':{}", "linux.memoryPolicy.mode: is required"},
	{"'personality':{'domain':'LINUX32','flags':[]}", NULL},
	{"'personality':{'domain':'LINUX32','flags':['X']}",
	 "linux.personality.flags[0]: unknown personality flag 'X'"},
	{"'personality':{'domain':'BSD'}", "linux.personality.domain: unknown execution domain 'BSD'"},
	{"'rootfsPropagation':'rshared'", NULL},
	{"'rootfsPropagation':'x'", "linux.rootfsPropagation: unknown propagation 'x'"},
	{"'intelRdt':{'closID':'/'}", NULL},
	{"'intelRdt':{'closID':'a/b'}", "linux.intelRdt.closID: must be the name of a directory"},
	{"'intelRdt':{'closID':'..'}", "linux.intelRdt.closID"},
	{"'intelRdt':{'l3CacheSchema':'L3:0=f\\nMB:0=1'}", "linux.intelRdt.l3CacheSchema: must be one line"},
	{"'intelRdt':{'memBwSchema':'0=1'}", "linux.intelRdt.memBwSchema: must begin with 'MB:'"},
	{"'intelRdt':{'schemata':['a','a\\nb']}", "linux.intelRdt.schemata[1]: must be one line"},
	{"'devices':[{'path':'dev','type':'p'}]", "linux.devices[0].path: must be an absolute path"},
	{"'devices':[{'path':'/d','type':'p'}]", NULL},
	{"'devices':[{'path':'/d','type':'u','major':1,'minor':3}]", NULL},
	{"'devices':[{'path':'/d','type':'c','minor':3}]",
	 "linux.devices[0].major: is required for a device of type 'c'"},
	{"'devices':[{'path':'/d','type':'b','major':3}]", "linux.devices[0].minor: is required"},
	{"'devices':[{'path':'/d','type':'x'}]", "linux.devices[0].type: unknown device type 'x' (known: b c p u)"},
	{"'devices':[{'path':'/d','type':'c','major':4096,'minor':3}]", "linux.devices[0].major: must be between"},
};

static const struct rule_case separate_cases[] = {
	{"'maskedPaths':['/a','b']", "linux.maskedPaths[1]: must be an absolute path, is 'b'"},
	{"'readonlyPaths':['']", "linux.readonlyPaths[0]: must be an absolute path"},
	{"'timeOffsets':{'boottime':{'secs':-1,'nanosecs':999999999}}", NULL},
	{"'timeOffsets':{'boottime':{'nanosecs':1000000000}}", "linux.timeOffsets.boottime.nanosecs"},
	{"'timeOffsets':{'realtime':{'secs':1}}",
	 "linux.timeOffsets.realtime: is not known (known: boottime monotonic)"},
	{"'sysctl':{'net.ipv4.conf.eth0/1.rp_filter':'1','net/ipv4/ip_forward':'1','kernel.sem':'1 2'}", NULL},
	{"'sysctl':{'kernel.domainname':'x','fs/mqueue/msg_max':'1'}", NULL},
	{"'sysctl':{'kernel.hostname':'x'}", "conflicts with the property hostname"},
	{"'sysctl':{'kernel.core_pattern':'x'}",
	 "linux.sysctl[\"kernel.core_pattern\"]: is not in a separate kernel namespace"},
	{"'sysctl':{'user.max_user_namespaces':'1'}", "needs a 'user' namespace"},
	{"'sysctl':{'net/../kernel/core_pattern':'x'}", "is not the name of a sysctl"},
	{"'sysctl':{'net.//.kernel.core_pattern':'x'}", "is not the name of a sysctl"},
	{"'sysctl':{'net./.x':'x'}", "is not the name of a sysctl"},
	{"'sysctl':{'net..x':'x'}", "is not the name of a sysctl"},
	{"'sysctl':{'/net/x':'x'}", "is not the name of a sysctl"},
	{"'sysctl':{'net/x/':'x'}", "is not the name of a sysctl"},
	{"'sysctl':{'net.x+y':'x'}", "is not the name of a sysctl"},
	{"'sysctl':{'net.x y':'x'}", "is not the name of a sysctl"},
	{"'sysctl':{'net':'x'}", "is not in a separate kernel namespace"},
	{"'sysctl':{'kernel.shmmax':1}", "linux.sysctl[\"kernel.shmmax\"]: must be a string, is a number"},
	{"'netDevices':{'eth0':{'name':'e%d'},'eth1':{}}", NULL},
	{"'netDevices':{'eth0':{'name':'x'},'x':{}}",
	 "linux.netDevices[\"x\"]: the container's name 'x' is taken by 'eth0'"},
	{"'netDevices':{'a23456789012345':{}}", NULL},
	{"'netDevices':{'a234567890123456':{}}", "is not the name of a network device"},
	{"'netDevices':{'..':{}}", "is not the name of a network device"},
	{"'netDevices':{'a b':{}}", "is not the name of a network device"},
	{"'netDevices':{'e%d':{}}", "is not the name of a network device"},
	{"'netDevices':{'eth0':{'name':'a/b'}}", "linux.netDevices[\"eth0\"].name: 'a/b' is not the name"},
	{"'netDevices':{'eth0':{'name':'e%s'}}", "is not the name of a network device"},
	{"'netDevices':{'eth0':{'name':'e%d%d'}}", "is not the name of a network device"},
};

static const struct rule_case resource_cases[] = {
	{"'devices':[{'allow':true,'type':'','access':'r'}]", NULL},
	{"'devices':[{'access':'r'}]", "linux.resources.devices[0].allow: is required"},
	{"'devices':[{'allow':true}]", "linux.resources.devices[0].access: is required"},
	{"'devices':[{'allow':true,'access':'rx'}]", NULL},
	{"'devices':[{'allow':true,'access':'rwmr'}]", NULL},
	{"'devices':[{'allow':true,'access':'x'}]", "linux.resources.devices[0].access: must be made of"},
	{"'devices':[{'allow':false,'access':''}]", "linux.resources.devices[0].access: must be made of"},
	{"'devices':[{'allow':true,'access':'r','type':'p'}]", "linux.resources.devices[0].type: unknown device type"},
	{"'devices':[{'allow':true,'access':'r','major':-2}]", "linux.resources.devices[0].major"},
	{"'memory':{'limit':9223372036854775807,'swap':-1}", NULL},
	{"'memory':{'limit':9223372036854775808}",
	 "linux.resources.memory.limit: must be between -1 and 9223372036854775807"},
	{"'memory':{'limit':-2}", "linux.resources.memory.limit"},
	{"'memory':{'limit':1.0}", "linux.resources.memory.limit: must be a whole number without exponent, is 1.0"},
	{"'memory':{'limit':1e9}", "linux.resources.memory.limit: must be a whole number"},
	{"'memory':{'swappiness':101}", "linux.resources.memory.swappiness"},
	{"'cpu':{'shares':18446744073709551615}", NULL},
	{"'cpu':{'burst':2,'quota':1}", "linux.resources.cpu.burst: must not be larger than the quota"},
	{"'cpu':{'burst':2,'quota':-1}", NULL},
	{"'cpu':{'idle':2}", "linux.resources.cpu.idle"},
	{"'cpu':{'cpus':'0-3,x'}", "linux.resources.cpu.cpus: must be a list"},
	{"'cpu':{'mems':'-1'}", "linux.resources.cpu.mems: must be a list"},
	{"'pids':{'limit':0}", NULL},
	{"'pids':{'limit':-2}", "linux.resources.pids.limit"},
	{"'blockIO':{'weightDevice':[{'major':1,'minor':1}]}",
	 "linux.resources.blockIO.weightDevice[0]: must have 'weight' or 'leafWeight'"},
	{"'blockIO':{'throttleReadBpsDevice':[{'major':1,'minor':1}]}", "throttleReadBpsDevice[0].rate: is required"},
	{"'blockIO':{'weight':65536}", "linux.resources.blockIO.weight"},
	{"'hugepageLimits':[{'pageSize':'64KB','limit':1}]", NULL},
	{"'hugepageLimits':[{'pageSize':'2M','limit':1}]",
	 "linux.resources.hugepageLimits[0].pageSize: must be a size as"},
	{"'hugepageLimits':[{'pageSize':'02MB','limit':1}]", "pageSize: must be a size"},
	{"'hugepageLimits':[{'pageSize':'../2MB','limit':1}]", "pageSize: must be a size"},
	{"'hugepageLimits':[{'pageSize':'2MB'}]", "linux.resources.hugepageLimits[0].limit: is required"},
	{"'rdma':{'mlx':{'hcaHandles':0}}", NULL},
	{"'rdma':{'mlx':{}}", "linux.resources.rdma[\"mlx\"]: must have 'hcaHandles' or 'hcaObjects'"},
	{"'network':{'priorities':[{'name':'a'}]}", "linux.resources.network.priorities[0].priority: is required"},
	{"'unified':{'memory.min':'1','new.thing.max':''}", NULL},
	{"'unified':{'../memory.min':'1'}", "linux.resources.unified[\"../memory.min\"]: must be a file name"},
	{"'unified':{'memory':'1'}", "must have the form CONTROLLER.PARAMETER"},
	{"'unified':{'.min':'1'}", "must have the form CONTROLLER.PARAMETER"},
	{"'unified':{'memory.min':1}", "linux.resources.unified[\"memory.min\"]: must be a string, is a number"},
};

#define ARG_OF(INDEX, OP) \
	"'syscalls':[{'names':['a'],'action':'SCMP_ACT_LOG','args':[{'index':" INDEX ",'value':0,'op':'" OP "'}]}]"

static const struct rule_case seccomp_cases[] = {
	{"'listenerMetadata':'x'", "linux.seccomp.listenerMetadata: must not be set without listenerPath"},
	{"'listenerPath':'/x','listenerMetadata':'x'", NULL},
	{"'syscalls':[{'names':['a'],'action':'SCMP_ACT_NOTIFY'}]", "linux.seccomp.listenerPath: is required"},
	{"'listenerPath':'/x','syscalls':[{'names':['a'],'action':'SCMP_ACT_NOTIFY'}]", NULL},
	{"'defaultErrnoRet':1", "linux.seccomp.defaultErrnoRet: the action SCMP_ACT_ALLOW has no errno"},
	{"'syscalls':[{'names':['a'],'action':'SCMP_ACT_LOG','errnoRet':1}]",
	 "linux.seccomp.syscalls[0].errnoRet: the action SCMP_ACT_LOG has no errno"},
	{"'syscalls':[{'names':['a'],'action':'SCMP_ACT_ERRNO','errnoRet':4096}]", "must be at most 4095"},
	{"'syscalls':[{'names':['a'],'action':'SCMP_ACT_TRACE','errnoRet':4096}]", NULL},
	{"'syscalls':[{'names':[],'action':'SCMP_ACT_LOG'}]",
	 "linux.seccomp.syscalls[0].names: must have at least one entry"},
	{"'syscalls':[{'action':'SCMP_ACT_LOG'}]", "linux.seccomp.syscalls[0].names: is required"},
	{"'syscalls':[{'names':['a'],'action':'LOG'}]",
	 "linux.seccomp.syscalls[0].action: unknown action 'LOG' (known: "},
	{ARG_OF("5", "SCMP_CMP_EQ"), NULL},
	{ARG_OF("6", "SCMP_CMP_EQ"), "linux.seccomp.syscalls[0].args[0].index: must be between 0 and 5"},
	{ARG_OF("0", "EQ"), "linux.seccomp.syscalls[0].args[0].op: unknown operator 'EQ'"},
	{"'syscalls':[{'names':['a'],'action':'SCMP_ACT_LOG','args':null}]", NULL},
	{"'architectures':['SCMP_ARCH_VAX']", "linux.seccomp.architectures[0]: unknown architecture 'SCMP_ARCH_VAX'"},
	{"'flags':['X']", "linux.seccomp.flags[0]: unknown flag 'X'"},
};

static void test_lines(void)
{
	static const char text[] = "{\n\"ociVersion\":\"1.0.0\",\n\"root\":{\"path\":\"r\"},\n\"linux\":{\n"
				   "\"namespaces\":[],\n\"sysctl\":{\n\"kernel.sem\":\"1\"}}}";
	static const char odd[] = "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"r\"},\n"
				  "\"annotations\":{\"a\\n\\u001b[31m\":\n7}}";
	static const char no_version[] = "{\"root\":{\"path\":\"r\"}}", no_root[] = "{\"ociVersion\":\"1.0.0\"}";

	is_str(spec_refusal(text, sizeof(text) - 1, NULL),
	       "config.json:7: linux.sysctl[\"kernel.sem\"]: needs an 'ipc' namespace in linux.namespaces",
	       "a rule's message has the line of the value");
	is_str(spec_refusal(odd, sizeof(odd) - 1, NULL),
	       "config.json:3: annotations[\"a??[31m\"]: must be a string, is a number",
	       "control characters of the document stay out of messages");
	is_str(spec_refusal("[]", 2, NULL), "config.json:1: must be an object, is an array",
	       "the document is an object");
	is_str(spec_refusal(no_version, sizeof(no_version) - 1, NULL), "config.json:1: ociVersion: is required",
	       "ociVersion");
	is_str(spec_refusal(no_root, sizeof(no_root) - 1, NULL), "config.json:1: root: is required", "root");
}

static void test_list_limits(void)
{
	auto_strbuf struct strbuf text = {0};

	strbuf_adds(&text, "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"r\"},\"linux\":{\"uidMappings\":[");
	for (int i = 0; i < 341; i++)
		strbuf_addf(&text, "%s{\"containerID\":%d,\"hostID\":%d,\"size\":1}", i ? "," : "", i, i);
	strbuf_adds(&text, "]}}");
	const char *got = spec_refusal(text.s, text.len, NULL);
	is_str(got, "config.json:1: linux.uidMappings: must have at most 340 entries, has 341", "lists have limits");
	strbuf_clear(&text);
	strbuf_adds(&text, "{\"ociVersion\":\"1.0.0\",\"root\":{\"path\":\"r\"},\"mounts\":[{\"destination\":\"/a\",");
	strbuf_adds(&text, "\"type\":\"tmpfs\",\"options\":[\"");
	for (int i = 0; i < 60000; i++)
		strbuf_adds(&text, "a,");
	strbuf_adds(&text, "\"]}]}");
	got = spec_refusal(text.s, text.len, NULL);
	is_str(got, "config.json:1: mounts[0].options: must have at most 1024 entries, has 60000",
	       "joined options too");
}

int main(void)
{
	check("{'root':{'path':'r'},'ociVersion':'", versions, ARRAY_SIZE(versions), "'}");
	CHECK("'process':{", process_cases, "}}");
	CHECK("'process':{'cwd':'/','args':['a'],", run_cases, "}}");
	CHECK("'mounts':[{'destination':'/a',", mount_cases, "}]}");
	CHECK("", top_cases, "}");
	CHECK("'linux':{", namespace_cases, "}}");
	CHECK("'linux':{", linux_cases, "}}");
	CHECK("'linux':{'namespaces':[{'type':'mount'},{'type':'ipc'},{'type':'uts'},{'type':'network'},{'type':'time'}"
	      "],",
	      separate_cases, "}}");
	CHECK("'linux':{'resources':{", resource_cases, "}}}");
	CHECK("'linux':{'seccomp':{'defaultAction':'SCMP_ACT_ALLOW',", seccomp_cases, "}}}");
	test_lines();
	test_list_limits();
	return done();
}
