# shellcheck shell=bash
# From an unpacked root to the disk image, and what starts it.

# What containers need from a kernel, as far as it is not built in.
IMAGE_MODULES=(
	overlay fuse loop zram veth bridge br_netfilter dummy tun macvlan
	nf_tables nft_masq nft_ct nft_nat nft_chain_nat nft_fib_inet nft_reject_inet
	nft_compat nft_limit nft_log nft_redir nft_hash nft_numgen xt_MASQUERADE
	xt_comment xt_conntrack xt_addrtype xt_nat xt_mark virtio_pci virtio_blk
	virtio_console virtio_rng virtio_net 9pnet_virtio kyber-iosched bfq
	nf_conntrack_netlink unix_diag tcp_diag udp_diag raw_diag af_packet_diag netlink_diag
)

# image_modules ROOT FROM: FROM is a folder named after a kernel's version.
image_modules() {
	local root=$1 from=$2 version module path base
	version=$(basename "$from")
	base=$(mktemp -d "$VM_CACHE/modules.XXXXXX")
	mkdir -p "$base/lib/modules" "$root/usr/lib/modules/$version"
	ln -s "$from" "$base/lib/modules/$version"
	depmod -b "$base" "$version"
	cp "$from"/modules.{order,builtin,builtin.modinfo} "$root/usr/lib/modules/$version/"
	for module in "${IMAGE_MODULES[@]}"; do
		modprobe -q -d "$base" -S "$version" --show-depends "$module" || :
	done | sed -n "s|^insmod $base/lib/modules/$version/\([^ ]*\).*|\1|p" | sort -u |
		while read -r path; do
			install -D -m 644 "$from/$path" "$root/usr/lib/modules/$version/$path"
		done
	rm -r "$base"
	depmod -b "$root" "$version"
}

# What would only cost time at boot, or fail for want of hardware or network.
IMAGE_MASKED=(
	apt-daily.timer apt-daily-upgrade.timer dpkg-db-backup.timer fstrim.timer
	e2scrub_all.timer e2scrub_reap.service podman.service podman.socket
	podman-auto-update.timer podman-auto-update.service podman-restart.service
	podman-clean-transient.service systemd-timesyncd.service
	systemd-networkd-wait-online.service systemd-journal-flush.service
	systemd-journal-catalog-update.service systemd-update-done.service
	systemd-hwdb-update.service systemd-pcrphase.service systemd-tpm2-setup.service
	systemd-tpm2-setup-early.service systemd-boot-random-seed.service
	systemd-machine-id-commit.service ldconfig.service getty.target
	console-getty.service serial-getty@ttyS0.service nftables.service
	dev-hugepages.mount sys-kernel-debug.mount systemd-rfkill.socket
	systemd-binfmt.service proc-sys-fs-binfmt_misc.automount
	systemd-firstboot.service systemd-homed.service systemd-userdbd.socket
	modprobe@drm.service kmod-static-nodes.service
)

image_settings() {
	local root=$1 unit
	install -D -m 755 -t "$root/usr/lib/kedge-vm" "$VM_HERE"/guest/{init,agent,cri,cni}
	install -m 644 "$VM_HERE/guest/kedge-vm.service" "$root/etc/systemd/system/"
	mkdir -p "$root"/{kedge,out,etc/systemd/system/multi-user.target.wants}
	mkdir -p "$root"/etc/containers/containers.conf.d
	ln -sfn ../kedge-vm.service \
		"$root/etc/systemd/system/multi-user.target.wants/kedge-vm.service"
	rm -f "$root"/etc/systemd/system/*.wants/{containerd.service,docker.service,docker.socket}
	for unit in "${IMAGE_MASKED[@]}"; do
		ln -sfn /dev/null "$root/etc/systemd/system/$unit"
	done
	echo kedge-vm >"$root/etc/hostname"
	printf '127.0.0.1 localhost kedge-vm\n::1 localhost\n' >"$root/etc/hosts"
	: >"$root/etc/fstab"
	echo 0123456789abcdef0123456789abcdef >"$root/etc/machine-id"
	# Where podman takes the ids of --userns=auto from.
	grep -q ^containers: "$root/etc/passwd" ||
		echo 'containers:x:900:900::/nonexistent:/usr/sbin/nologin' >>"$root/etc/passwd"
	printf 'containers:1000000:1000000\n' | tee "$root/etc/subuid" >"$root/etc/subgid"
	printf '[Journal]\nStorage=volatile\n' >"$root/etc/systemd/journald.conf"
	ln -sfn /usr/lib/systemd/system/multi-user.target \
		"$root/etc/systemd/system/default.target"
	rm -rf "$root"/var/lib/apt/lists/* "$root"/var/cache/apt/*
}

# image_uml CACHE: the kernel that is a process, and just the C library it needs.
image_uml() {
	local cache=$1 to=$1/uml
	rm -rf --one-file-system "$to"
	mkdir -p "$to"/{bin,lib64,lib/x86_64-linux-gnu,dev,proc,tmp,host/{kedge,out,run,cache}}
	cp "$cache/linux.uml" "$to/bin/linux"
	cp -L "$cache/root/lib64/ld-linux-x86-64.so.2" "$to/lib64/"
	cp -L "$cache"/root/lib/x86_64-linux-gnu/lib{c.so.6,gcc_s.so.1} "$to/lib/x86_64-linux-gnu/"
}

# image_initramfs CACHE KERNEL: Debian's cloud kernel has its disk driver as a module. A parameter 'next' of the kernel's
# command line comes as a variable.
image_initramfs() {
	local cache=$1 kernel=$2 base lib module path
	base=$(mktemp -d "$VM_CACHE/initramfs.XXXXXX")
	lib=$(echo "$kernel"/lib/modules/*)
	mkdir -p "$base"/{bin,dev,proc,root}
	cp "$cache/root/usr/bin/busybox" "$base/bin/"
	ln -s busybox "$base/bin/sh"
	{
		printf '#!/bin/sh\n'
		for module in virtio_pci virtio_blk; do
			modprobe -d "$cache/root" -S "$(basename "$lib")" --show-depends "$module"
		done | sed -n 's|^insmod .*/\([^/ ]*\.ko\).*|insmod /\1|p' | awk '!seen[$0]++'
		printf 'busybox mount -t devtmpfs none /dev\n'
		printf 'busybox mount -t ext4 /dev/vda /root && exec busybox switch_root /root "${next:-/sbin/init}"\n'
	} | sed 's/^insmod/busybox &/' >"$base/init"
	chmod +x "$base/init"
	sed -n 's|^busybox insmod /||p' "$base/init" | while read -r module; do
		path=$(find "$lib" -name "$module" -o -name "$module.xz")
		xz -dcf "$path" >"$base/$module"
	done
	(cd "$base" && find . | "$cache/root/usr/bin/busybox" cpio -o -H newc 2>/dev/null) |
		gzip -1 >"$kernel/initramfs"
	rm -r "$base"
}

# image_make CACHE ROOTS
image_make() {
	local cache=$1 root=$1/root version kernel
	rm -rf --one-file-system "$root"/usr/lib/modules/* "$root/images"
	for version in "$cache"/uml-modules/* "$cache"/kernels/*/lib/modules/*; do
		image_modules "$root" "$version"
	done
	image_settings "$root"
	image_uml "$cache"
	for kernel in "$cache"/kernels/*; do
		install -m 644 "$kernel/evil.ko" "$root/usr/lib/modules/$(basename "$kernel"/lib/modules/*)/"
		image_initramfs "$cache" "$kernel"
	done
	mkdir -p "$root/images"
	cp -a "$2"/{busybox,criu,debian} "$root/images/"
	tar -C "$2/busybox" -cf "$root/images/busybox.tar" .
	rm -f "$cache/root.img.new"
	mkfs.ext4 -q -d "$root" -O ^has_journal -m 0 -i 8192 \
		-E lazy_itable_init=1 "$cache/root.img.new" 6G >/dev/null
	mv "$cache/root.img.new" "$cache/root.img"
}
