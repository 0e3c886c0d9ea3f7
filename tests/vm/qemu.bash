# shellcheck shell=bash
# The beds of qemu: Debian's kernels under software emulation, restored from memory.
#
# A start takes up to half a minute, a restore two seconds. What cannot be saved
# with a machine (NVMe, shared folders) is not used: the payload goes in, and
# results come out, as tar archives on raw disks of a fixed size.

QEMU_MEM=2048
QEMU_CPUS=(-accel "tcg,thread=multi" -smp 2)
QEMU_UNDER=()
QEMU_MEMORY=()
QEMU_SHARED=
PAYLOAD_SIZE=1G
OUTPUT_SIZE=1G

# qemu_bed NAME: which of them the rest is about.
qemu_bed() {
	QEMU_DIR=$VM_CACHE/$1
	QEMU_KERNEL=$VM_CACHE/kernels/$1
	QEMU_APPEND="console=ttyS0 root=/dev/vda rw quiet panic=-1 kedge.bed=$1 lsm=landlock,yama,apparmor,bpf"
	# Without systemd it is there four times as soon.
	if [[ $1 == qemu-new ]]; then QEMU_APPEND+=" next=/usr/lib/kedge-vm/init"; fi
}

# qemu_machine ROOT-DISK PAYLOAD OUTPUT [OPTION]...: replaces this process.
# With la57 kernels since 6.12 cannot copy from themselves; svm loads kvm.
qemu_machine() {
	local root=$1 payload=$2 output=$3
	shift 3
	exec "${QEMU_UNDER[@]}" "$VM_CACHE/emulator/usr/bin/qemu-system-x86_64" \
		-L "$VM_CACHE/emulator/usr/share/qemu" -L "$VM_CACHE/emulator/usr/share/seabios" \
		-machine q35,hpet=off "${QEMU_CPUS[@]}" -cpu max,-la57,-svm -m "$QEMU_MEM" \
		-nodefaults -no-user-config -display none -no-reboot \
		-kernel "$QEMU_KERNEL/vmlinuz" -initrd "$QEMU_KERNEL/initramfs" -append "$QEMU_APPEND" \
		-drive "file=$root,if=none,id=root,format=qcow2,cache=unsafe$QEMU_SHARED" \
		-drive "file=$payload,if=none,id=payload,format=raw,cache=unsafe" \
		-drive "file=$output,if=none,id=output,format=raw,cache=unsafe" \
		-device virtio-blk-pci,drive=root \
		-device virtio-blk-pci,drive=payload \
		-device virtio-blk-pci,drive=output \
		-device virtio-rng-pci -device virtio-serial-pci \
		-device virtserialport,chardev=agent,name=kedge "$@"
}

# wait_line FD SECONDS PATTERN: until a line of FD matches.
wait_line() {
	local line end=$((SECONDS + $2))
	while ((SECONDS < end)) && IFS= read -r -t $((end - SECONDS + 1)) -u "$1" line; do
		[[ ${line%$'\r'} == *$3* ]] && return
	done
	return 1
}

# What lies below a machine's own layer is only read. A kernel of uml that starts has a lock on it for a moment, and who comes then
# and wants one is refused.
qemu_disks() {
	local format=$1 base=$2 dir=$3
	QEMU_SHARED=,backing.file.locking=off
	if [[ $format == qcow2 ]]; then QEMU_SHARED+=,backing.backing.file.locking=off; fi
	"$VM_CACHE/emulator/usr/bin/qemu-img" create -q -f qcow2 -F "$format" -b "$base" "$dir/disk.qcow2"
	truncate -s "$PAYLOAD_SIZE" "$dir/payload"
	truncate -s "$OUTPUT_SIZE" "$dir/output"
}

qemu_snapshot() {
	local new=$QEMU_DIR.new pid agent monitor to tries=0
	rm -rf --one-file-system "$new"
	mkdir -p "$new"
	qemu_disks raw "$VM_CACHE/root.img" "$new"
	mkfifo "$new"/{agent,monitor}.{in,out}
	(
		QEMU_UNDER=(setpriv --pdeathsig KILL timeout -s KILL 400 setpriv --pdeathsig KILL)
		qemu_machine "$new"/{disk.qcow2,payload,output} \
			-chardev "pipe,id=agent,path=$new/agent" -serial "file:$new/console" \
			-chardev "pipe,id=monitor,path=$new/monitor" \
			-mon chardev=monitor,mode=readline
	) </dev/null >"$new/log" 2>&1 8>&- 9>&- &
	pid=$!
	# shellcheck disable=SC2064 # the pid of now
	trap "kill -KILL $pid 2>/dev/null" EXIT
	exec {agent}<>"$new/agent.out" {monitor}<>"$new/monitor.out"
	exec {to}<>"$new/monitor.in"
	wait_line "$agent" 240 ready ||
		die "qemu: not ready after 240 s: see $new/console and $new/log"
	printf 'migrate_set_parameter max-bandwidth 8G\nmigrate "exec:cat >%s/ram"\ninfo migrate\n' "$new" >&"$to"
	until wait_line "$monitor" 2 'Migration status: completed'; do
		kill -0 "$pid" || die "qemu: ended while saving: see $new/log"
		((++tries < 60)) || die "qemu: the memory cannot be saved"
		printf 'info migrate\n' >&"$to"
	done
	printf 'quit\n' >&"$to"
	wait "$pid" || :
	trap - EXIT
	exec {agent}>&- {monitor}>&- {to}>&-
	rm -rf --one-file-system "$new"/{agent,monitor}.* "$QEMU_DIR"
	mv "$new" "$QEMU_DIR"
}

# The whole repository, without its history, compiler output, and what the
# disk image has already.
qemu_payload() {
	tar -C "$VM_TOP" --exclude=./.git --exclude='./build*/vm' --exclude='./build*/roots' \
		--exclude='./build*/conformance/'{root,results,runtime-tools,busybox} \
		--exclude='*.o' --exclude='*.a' --exclude='*.gcda' --exclude='*.log' -cf "$1" . \
		-C "$(dirname "$2")" --transform 's|^command$|.vm-command|' "$(basename "$2")"
	if [[ ${VM_WITH:-} ]]; then tar -C "$VM_TOP" -rf "$1" "$VM_WITH"; fi
}

# A machine that counts has one processor and other clocks than the one that was
# saved: it starts from the beginning, and says itself when it is ready.
# shellcheck disable=SC2154 # work, out, child and bounded are those of run
qemu_prepare() {
	if [[ ${VM_ICOUNT:-} ]]; then
		QEMU_CPUS=(-accel "tcg,thread=single" -icount "shift=0,sleep=off" -smp 1)
		qemu_disks raw "$VM_CACHE/root.img" "$work"
	else
		QEMU_MEMORY=(-incoming "exec:cat $QEMU_DIR/ram")
		qemu_disks qcow2 "$QEMU_DIR/disk.qcow2" "$work"
	fi
}

# The emulator makes its output non-blocking: that must not be the caller's.
qemu_run() {
	local status=0 go stream reader
	qemu_prepare
	qemu_payload "$work/payload" "$work/command"
	truncate -s "$PAYLOAD_SIZE" "$work/payload"
	mkfifo "$work/go"
	exec {go}<>"$work/go" {stream}> >(if [[ ${VM_ICOUNT:-} ]]; then read -r _; fi; exec cat)
	reader=$!
	(
		QEMU_UNDER=("${bounded[@]}")
		qemu_machine "$work"/{disk.qcow2,payload,output} \
			-serial "file:$work/log" -monitor none \
			-chardev stdio,id=agent,signal=off "${QEMU_MEMORY[@]}"
	) <"$work/go" >&"$stream" {stream}>&- 2>"$work/errors" &
	child=$!
	date +%s >&"$go"
	wait "$child" || status=$?
	child=
	exec {stream}>&- {go}>&-
	wait "$reader"
	cat "$work/errors" >>"$work/log"
	# shellcheck disable=SC2154
	tar -xf "$work/output" -C "$out" 2>>"$work/log" || :
	mv "$out/.vm-status" "$work/status" 2>/dev/null || :
	finish "$status" "$work/log"
}
