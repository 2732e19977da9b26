#!/usr/bin/env bash
# Runs a command in what Gradescope's container is: a root of its own, half a processor, little memory, no right to mount.
# Usage: container.sh ROOT CPU_PERCENT MEMORY_MIB COMMAND… ; 0 is no limit. Writes to ROOT/used: the most memory in
# use, in MiB, and the processor time, in seconds.
# Where ROOT holds a system (that of `debootstrap`), the command runs in it and installs what it wants from the network; else the
# system is this machine's, and nothing is installed.
# Needs root, and control groups that it may make. Nothing of it stays on the machine.
set -euo pipefail
root=$1 percent=$2 mib=$3
shift 3
registry=${CARGO_HOME:-$HOME/.cargo}/registry
# The toolchain itself and not rustup, which could change what this machine has.
sysroot=$(cd / && rustc --print sysroot)
name=handout-container-$$
groups=()

leave() {
    for group in "${groups[@]}"; do
        for _ in $(seq 200); do
            while read -r process; do kill -KILL "$process" 2> /dev/null || true; done < "$group/cgroup.procs"
            rmdir "$group" 2> /dev/null && break
            sleep 0.05
        done
    done
}
trap leave EXIT

# make HIERARCHY: a control group of ours, as version 1 or 2 of them has it.
make() {
    mkdir -p "$1/$name"
    groups+=("$1/$name")
}
peak=
if [ -f /sys/fs/cgroup/cgroup.controllers ]; then
    make /sys/fs/cgroup
    [ "$percent" = 0 ] || echo "$((percent * 1000)) 100000" > "/sys/fs/cgroup/$name/cpu.max"
    [ "$mib" = 0 ] || echo "$((mib << 20))" > "/sys/fs/cgroup/$name/memory.max"
    peak=/sys/fs/cgroup/$name/memory.peak
    used() { sed -n 's/^usage_usec //p' "/sys/fs/cgroup/$name/cpu.stat"; }
else
    make /sys/fs/cgroup/cpu
    make /sys/fs/cgroup/cpuacct
    make /sys/fs/cgroup/memory
    [ "$percent" = 0 ] || echo "$((percent * 1000))" > "/sys/fs/cgroup/cpu/$name/cpu.cfs_quota_us"
    [ "$mib" = 0 ] || echo "$((mib << 20))" > "/sys/fs/cgroup/memory/$name/memory.limit_in_bytes"
    peak=/sys/fs/cgroup/memory/$name/memory.max_usage_in_bytes
    used() { echo $(($(< "/sys/fs/cgroup/cpuacct/$name/cpuacct.usage") / 1000)); }
fi

shared() {
    mkdir -p "$root"/{autograder,bin,dev,etc,lib,lib64,opt/cargo/bin,opt/cargo/registry,opt/rustup,proc,root,sbin,sys,tmp,usr,usr-local-bin}
    for program in "$sysroot"/bin/*; do
        ln -sfn "/opt/rustup/bin/$(basename "$program")" "$root/opt/cargo/bin/"
    done
    chmod 1777 "$root/tmp"
    # What a container gets from the network comes from this machine.
    for program in apt-get curl; do
        printf '#!/bin/sh\nexit 0\n' > "$root/usr-local-bin/$program"
        chmod +x "$root/usr-local-bin/$program"
    done
}
own=
if [ -x "$root/usr/bin/apt-get" ]; then
    own=1
    own_certificates=/usr/local/share/ca-certificates
    mkdir -p "$root/autograder" "$root$own_certificates"
    # The network as it is here, where a proxy may have a certificate of its own.
    cp --dereference /etc/resolv.conf /etc/hosts "$root/etc/"
    [ ! -d "$own_certificates" ] || cp --recursive --dereference "$own_certificates/." "$root$own_certificates/"
else
    shared
fi
inside='
set -eu
root=$1; shift
for group in $GROUPS_TO_ENTER; do echo $$ > "$group/cgroup.procs"; done
mount --make-rprivate /
system="bin sbin lib lib64 usr etc"
[ -z "$OWN" ] || system=
for folder in $system dev proc sys; do
    [ ! -e "/$folder" ] || mount --rbind "/$folder" "$root/$folder"
done
# A container sees its limits and cannot change them.
while read -r _ place _; do
    case "$place" in "$root"/sys*) mount -o remount,bind,ro "$place" ;; esac
done < /proc/self/mounts
shown() { mount --bind "$1" "$2"; mount -o remount,bind,ro "$2"; }
offline=
if [ -z "$OWN" ]; then
    mount --bind "$root/usr-local-bin" "$root/usr/local/bin"
    shown "$REGISTRY" "$root/opt/cargo/registry"
    shown "$SYSROOT" "$root/opt/rustup"
    offline=CARGO_NET_OFFLINE=true
fi
exec env -i PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root $offline \
    chroot "$root" setpriv --bounding-set=-sys_admin -- "$@"
'
status=0
GROUPS_TO_ENTER="${groups[*]}" OWN=$own REGISTRY=$registry SYSROOT=$sysroot \
    unshare --mount --fork bash -c "$inside" container "$root" "$@" || status=$?
echo "$(($(< "$peak") >> 20)) $(($(used) / 1000000))" > "$root/used"
exit "$status"
