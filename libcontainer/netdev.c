/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernel takes a device down and forgets its addresses when it changes namespaces, so these are read before and set after.
 * It renames only after the move: a name that is taken in the container fails the request with the device already there. Hence
 * the name is looked up before, and an undo looks where the device is.
 */
#include "libcontainer/netdev.h"

#include <errno.h>

#ifdef HAVE_LIBMNL

#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_addr.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "base/arena.h"
#include "base/dl.h"
#include "base/log.h"
#include "base/sys.h"

#define MESSAGE_MAX 4096
#define REPLY_MAX (64 << 10)
#define DUMP_TRIES 64
#define INDEX_TRIES 65536

/* Those of an address that say how it is to be used; the others tell its state. */
#define ADDRESS_FLAGS \
	(IFA_F_NODAD | IFA_F_HOMEADDRESS | IFA_F_MANAGETEMPADDR | IFA_F_NOPREFIXROUTE | IFA_F_MCAUTOJOIN | IFA_F_OPTIMISTIC)
#ifndef IFA_PROTO /* Linux 5.18 */
#define IFA_PROTO 11
#endif

struct end {
	int ns;
	struct mnl_socket *sock;
};

struct device {
	struct device *before;
	const char *name; /* on the host */
	int index;        /* on the host, and in the container */
	int inner_index;
	bool up;
	size_t n_addresses;
	struct nlmsghdr **addresses;
};

struct netdevs {
	struct arena arena;
	struct end host, container;
	struct device *last; /* of those that were moved */
};

static struct {
	__typeof__(&mnl_socket_open2) socket_open;
	__typeof__(&mnl_socket_bind) socket_bind;
	__typeof__(&mnl_socket_close) socket_close;
	__typeof__(&mnl_socket_get_portid) socket_portid;
	__typeof__(&mnl_socket_sendto) socket_send;
	__typeof__(&mnl_socket_recvfrom) socket_receive;
	__typeof__(&mnl_nlmsg_put_header) put_header;
	__typeof__(&mnl_nlmsg_put_extra_header) put_extra;
	__typeof__(&mnl_nlmsg_get_payload) payload;
	__typeof__(&mnl_attr_put) attr_put;
	__typeof__(&mnl_attr_put_u32) attr_put_u32;
	__typeof__(&mnl_attr_put_strz) attr_put_strz;
	__typeof__(&mnl_attr_parse) attr_parse;
	__typeof__(&mnl_attr_get_type) attr_type;
	__typeof__(&mnl_attr_get_payload) attr_payload;
	__typeof__(&mnl_attr_get_payload_len) attr_len;
	__typeof__(&mnl_cb_run) cb_run;
} mnl;

static int load(struct error *e)
{
	static const struct dl_symbol symbols[] = {
		{"mnl_socket_open2", &mnl.socket_open},
		{"mnl_socket_bind", &mnl.socket_bind},
		{"mnl_socket_close", &mnl.socket_close},
		{"mnl_socket_get_portid", &mnl.socket_portid},
		{"mnl_socket_sendto", &mnl.socket_send},
		{"mnl_socket_recvfrom", &mnl.socket_receive},
		{"mnl_nlmsg_put_header", &mnl.put_header},
		{"mnl_nlmsg_put_extra_header", &mnl.put_extra},
		{"mnl_nlmsg_get_payload", &mnl.payload},
		{"mnl_attr_put", &mnl.attr_put},
		{"mnl_attr_put_u32", &mnl.attr_put_u32},
		{"mnl_attr_put_strz", &mnl.attr_put_strz},
		{"mnl_attr_parse", &mnl.attr_parse},
		{"mnl_attr_get_type", &mnl.attr_type},
		{"mnl_attr_get_payload", &mnl.attr_payload},
		{"mnl_attr_get_payload_len", &mnl.attr_len},
		{"mnl_cb_run", &mnl.cb_run},
	};

	return dl_load("libmnl.so.0", "libmnl0", symbols, ARRAY_SIZE(symbols), e);
}

/* --- messages */

/* One message at a time: all of them are made here. */
static void *request(uint16_t type, uint16_t flags, size_t extra, struct nlmsghdr **ret)
{
	static char buf[MESSAGE_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));

	memset(buf, 0, sizeof(buf));
	*ret = mnl.put_header(buf);
	(*ret)->nlmsg_type = type;
	(*ret)->nlmsg_flags = NLM_F_REQUEST | NLM_F_ACK | flags;
	return mnl.put_extra(*ret, extra);
}

static int failed(void)
{
	dl_take_errno();
	return -1;
}

static int talk(struct mnl_socket *sock, struct nlmsghdr *message, mnl_cb_t each, void *data)
{
	static char buf[REPLY_MAX] __attribute__((aligned(NLMSG_ALIGNTO)));
	static unsigned seq;

	message->nlmsg_seq = ++seq;
	if (mnl.socket_send(sock, message, message->nlmsg_len) < 0)
		return failed();
	for (;;) {
		ssize_t n = mnl.socket_receive(sock, buf, sizeof(buf));
		if (n < 0 && failed() < 0 && errno == EINTR)
			continue;
		int ret = n < 0 ? -1 : mnl.cb_run(buf, (size_t)n, seq, mnl.socket_portid(sock), each, data);
		if (ret < 0)
			return n < 0 ? -1 : failed();
		if (ret == MNL_CB_STOP)
			return ret;
	}
}

static struct mnl_socket *open_socket(void)
{
	struct mnl_socket *sock = mnl.socket_open(NETLINK_ROUTE, SOCK_CLOEXEC);

	if (sock && mnl.socket_bind(sock, 0, MNL_SOCKET_AUTOPID) == 0)
		return sock;
	failed();
	if (sock)
		mnl.socket_close(sock);
	return NULL;
}

static int read_link(const struct nlmsghdr *message, void *data)
{
	*(struct ifinfomsg *)data = *(const struct ifinfomsg *)mnl.payload(message);
	return MNL_CB_OK;
}

/* By name, or by index when there is none. ENODEV. */
static int find_link(const struct end *end, const char *name, int index, struct ifinfomsg *ret)
{
	struct nlmsghdr *message;
	struct ifinfomsg *link = request(RTM_GETLINK, 0, sizeof(*link), &message);

	link->ifi_index = index;
	if (name)
		mnl.attr_put_strz(message, IFLA_IFNAME, name);
	return talk(end->sock, message, read_link, ret);
}

static int set_up(const struct end *end, int index)
{
	struct nlmsghdr *message;
	struct ifinfomsg *link = request(RTM_NEWLINK, 0, sizeof(*link), &message);

	link->ifi_index = index;
	link->ifi_flags = link->ifi_change = IFF_UP;
	return talk(end->sock, message, NULL, NULL);
}

static int transfer(const struct end *from, int index, const struct end *to, int new_index, const char *new_name)
{
	struct nlmsghdr *message;
	struct ifinfomsg *link = request(RTM_NEWLINK, 0, sizeof(*link), &message);

	link->ifi_index = index;
	mnl.attr_put_u32(message, IFLA_NET_NS_FD, (uint32_t)to->ns);
	mnl.attr_put_u32(message, IFLA_NEW_IFINDEX, (uint32_t)new_index);
	mnl.attr_put_strz(message, IFLA_IFNAME, new_name);
	return talk(from->sock, message, NULL, NULL);
}

/* --- addresses */

struct address_list {
	struct arena *arena;
	struct device *device;
};

static int read_flags(const struct nlattr *attr, void *data)
{
	if (mnl.attr_type(attr) == IFA_FLAGS && mnl.attr_len(attr) == sizeof(uint32_t))
		memcpy(data, mnl.attr_payload(attr), sizeof(uint32_t));
	return MNL_CB_OK;
}

/* config-linux.md: permanent ones of global scope are kept, of any family. */
static int keep_address(const struct nlmsghdr *message, void *data)
{
	struct address_list *list = data;
	struct device *dev = list->device;
	const struct ifaddrmsg *address = mnl.payload(message);
	uint32_t flags = address->ifa_flags;

	mnl.attr_parse(message, sizeof(*address), read_flags, &flags);
	if ((int)address->ifa_index != dev->index || address->ifa_scope != RT_SCOPE_UNIVERSE || !(flags & IFA_F_PERMANENT))
		return MNL_CB_OK;
	struct nlmsghdr **grown = arena_array(list->arena, dev->n_addresses + 1, sizeof(struct nlmsghdr *));
	if (dev->n_addresses)
		memcpy(grown, dev->addresses, dev->n_addresses * sizeof(struct nlmsghdr *));
	grown[dev->n_addresses] = arena_alloc(list->arena, message->nlmsg_len);
	memcpy(grown[dev->n_addresses++], message, message->nlmsg_len);
	dev->addresses = grown;
	return MNL_CB_OK;
}

/* A list that changed while it was read is read again, from a new socket: in the old one the rest of it is waiting. */
static int read_addresses(struct netdevs *devs, struct device *dev)
{
	struct address_list list = {&devs->arena, dev};
	int ret = -1;

	errno = EINTR;
	for (unsigned i = 0; i < DUMP_TRIES && ret < 0 && errno == EINTR; i++) {
		struct nlmsghdr *message;
		struct mnl_socket *sock = open_socket();
		if (!sock)
			return -1;
		dev->n_addresses = 0;
		request(RTM_GETADDR, NLM_F_DUMP, sizeof(struct ifaddrmsg), &message);
		ret = talk(sock, message, keep_address, &list);
		int saved = errno;
		mnl.socket_close(sock);
		errno = saved;
	}
	return ret;
}

static int copy_attribute(const struct nlattr *attr, void *message)
{
	uint32_t flags;

	switch (mnl.attr_type(attr)) {
	case IFA_ADDRESS:
	case IFA_LOCAL:
	case IFA_BROADCAST:
	case IFA_RT_PRIORITY:
	case IFA_PROTO:
		mnl.attr_put(message, mnl.attr_type(attr), mnl.attr_len(attr), mnl.attr_payload(attr));
		break;
	case IFA_FLAGS:
		memcpy(&flags, mnl.attr_payload(attr), sizeof(flags));
		mnl.attr_put_u32(message, IFA_FLAGS, flags & ADDRESS_FLAGS);
		break;
	default:
		break;
	}
	return MNL_CB_OK;
}

static int add_address(const struct end *end, int index, const struct nlmsghdr *kept)
{
	const struct ifaddrmsg *old = mnl.payload(kept);
	struct nlmsghdr *message;
	struct ifaddrmsg *address = request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, sizeof(*address), &message);

	address->ifa_family = old->ifa_family;
	address->ifa_prefixlen = old->ifa_prefixlen;
	address->ifa_index = (unsigned)index;
	mnl.attr_parse(kept, sizeof(*old), copy_attribute, message);
	return talk(end->sock, message, NULL, NULL);
}

static int add_addresses(const struct end *end, int index, const struct device *dev)
{
	for (size_t i = 0; i < dev->n_addresses; i++)
		if (add_address(end, index, dev->addresses[i]) < 0)
			return -1;
	return 0;
}

/* --- the move */

static int end_open(struct end *end, struct error *e)
{
	end->sock = open_socket();
	return end->sock ? 0 : error_set(e, ERROR_HOST, errno, "cannot open a netlink socket");
}

/* Sockets belong to the namespace in which they are made. */
static int end_open_inside(struct end *end, const struct end *home, struct error *e)
{
	if (sys_setns(end->ns, CLONE_NEWNET) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot enter the container's network namespace");
	int ret = end_open(end, e);
	if (sys_setns(home->ns, CLONE_NEWNET) < 0)
		ret = error_set(e, ERROR_HOST, errno, "cannot return to the runtime's network namespace");
	return ret;
}

static int open_ends(struct netdevs *devs, pid_t pid, struct error *e)
{
	struct stat ours, theirs;
	char path[64];

	snprintf(path, sizeof(path), "/proc/%d/ns/net", pid);
	devs->host.ns = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	devs->container.ns = open(path, O_RDONLY | O_CLOEXEC);
	if (devs->host.ns < 0 || devs->container.ns < 0 || fstat(devs->host.ns, &ours) < 0 ||
	    fstat(devs->container.ns, &theirs) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot open the network namespaces");
	if (ours.st_dev == theirs.st_dev && ours.st_ino == theirs.st_ino)
		return error_set(e, ERROR_CONFIG, 0, "the container's network namespace is the runtime's own");
	if (end_open(&devs->host, e) < 0)
		return -1;
	return end_open_inside(&devs->container, &devs->host, e);
}

int netdevs_open(pid_t pid, struct netdevs **ret, struct error *e)
{
	if (load(e) < 0)
		return -1;
	struct netdevs *devs = calloc(1, sizeof(*devs));
	if (!devs)
		abort();
	devs->host.ns = devs->container.ns = -1;
	if (open_ends(devs, pid, e) < 0) {
		netdevs_free(devs);
		return -1;
	}
	*ret = devs;
	return 0;
}

/* The kernel gives another index when the old one is taken, and does not tell. */
static int free_index(const struct end *end, int index)
{
	struct ifinfomsg link;

	for (int i = 0; i < INDEX_TRIES; i++)
		if (find_link(end, NULL, index + i, &link) < 0)
			return errno == ENODEV ? index + i : -1;
	errno = EBUSY;
	return -1;
}

static int not_moved(int err, const char *new_name, struct error *e)
{
	if (err == EEXIST)
		return error_set(e, ERROR_HOST, 0, "the container's network namespace has a device '%s' already", new_name);
	if (err == EINVAL)
		error_hint(e, "some kinds of device cannot leave their network namespace");
	return error_set(e, ERROR_HOST, err, "cannot move the device");
}

int netdevs_move(struct netdevs *devs, const char *name, const char *new_name, struct error *e)
{
	struct device *dev = arena_alloc(&devs->arena, sizeof(*dev));
	struct ifinfomsg link;

	if (find_link(&devs->host, name, 0, &link) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot find the device");
	*dev = (struct device){
		.before = devs->last,
		.name = arena_strdup(&devs->arena, name),
		.index = link.ifi_index,
		.up = link.ifi_flags & IFF_UP,
	};
	if (!strchr(new_name, '%') && find_link(&devs->container, new_name, 0, &link) == 0)
		return not_moved(EEXIST, new_name, e);
	if (read_addresses(devs, dev) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot read the addresses of the device");
	dev->inner_index = free_index(&devs->container, dev->index);
	if (dev->inner_index < 0)
		return error_set(e, ERROR_HOST, errno, "cannot find a free index for the device");
	devs->last = dev;
	if (transfer(&devs->host, dev->index, &devs->container, dev->inner_index, new_name) < 0)
		return not_moved(errno, new_name, e);
	if (add_addresses(&devs->container, dev->inner_index, dev) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot set the addresses of the device");
	if (set_up(&devs->container, dev->inner_index) < 0)
		return error_set(e, ERROR_HOST, errno, "cannot bring the device up");
	return 0;
}

static int give_back(const struct netdevs *devs, const struct device *dev)
{
	struct ifinfomsg link;

	if (find_link(&devs->container, NULL, dev->inner_index, &link) < 0)
		return errno == ENODEV ? 0 : -1;
	int index = free_index(&devs->host, dev->index);
	if (index < 0 || transfer(&devs->container, dev->inner_index, &devs->host, index, dev->name) < 0 ||
	    add_addresses(&devs->host, index, dev) < 0)
		return -1;
	return dev->up ? set_up(&devs->host, index) : 0;
}

void netdevs_undo(struct netdevs *devs)
{
	for (; devs->last; devs->last = devs->last->before)
		if (give_back(devs, devs->last) < 0)
			log_write(LOG_WARNING, "cannot give network device '%s' back: %s", devs->last->name,
				  strerror(errno));
}

static void end_done(struct end *end)
{
	if (end->sock)
		mnl.socket_close(end->sock);
	macro_close(&end->ns);
}

struct netdevs *netdevs_free(struct netdevs *devs)
{
	if (!devs)
		return NULL;
	end_done(&devs->host);
	end_done(&devs->container);
	arena_done(&devs->arena);
	free(devs);
	return NULL;
}

#else /* without the headers of libmnl */

int netdevs_open(pid_t pid unused_arg, struct netdevs **ret unused_arg, struct error *e)
{
	return error_set(e, ERROR_HOST, 0, "this kedge was built without libmnl");
}

int netdevs_move(struct netdevs *devs unused_arg, const char *name unused_arg, const char *new_name unused_arg,
		 struct error *e)
{
	return error_set(e, ERROR_BUG, ENOSYS, "without libmnl");
}

void netdevs_undo(struct netdevs *devs unused_arg)
{
}

struct netdevs *netdevs_free(struct netdevs *devs unused_arg)
{
	return NULL;
}

#endif
