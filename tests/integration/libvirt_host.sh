#!/usr/bin/env bash
# tests/integration/libvirt_host.sh NUMBER PKI HIDDEN...
#
# A libvirt host of a test's: 10.77.NUMBER.2, with a network, processes, a name and files of its own. Its libvirtd
# serves qemu+tls with the certificates in PKI; its QEMUs are libvirt-qemu's. Nothing below the directories HIDDEN is
# there. It ends, and all that runs on it, with this process. To be started as root in network and mount namespaces of
# the test's own.

set -euo pipefail

number=$1 pki=$2
shift 2
net=memrig-$number

inside() {
    local directory
    hostname "libvirt-host-$number"
    # KVM is for everybody, or libvirt asks every QEMU anew before each domain (virQEMUCapsIsValid()).
    mount -t tmpfs tmpfs /run
    mkdir -p /run/libvirt /run/lock /run/pki /run/emulators
    if [[ -c /dev/kvm ]]; then
        mknod -m 0666 /run/kvm c "$((0x$(stat -c %t /dev/kvm)))" "$((0x$(stat -c %T /dev/kvm)))"
        mount --bind /run/kvm /dev/kvm
    fi
    cp "$pki"/* /run/pki
    for program in qemu-system-x86_64 qemu-system-ppc64; do
        ln -s "$(command -v $program)" /run/emulators/
    done
    for directory in /var/lib/libvirt /var/log/libvirt /var/cache/libvirt /etc/libvirt; do
        mkdir -p "$directory"
    done
    for directory in /var/lib/libvirt /var/log/libvirt /var/cache/libvirt /etc/libvirt /var/tmp "$@"; do
        mount -t tmpfs -o mode=0755 tmpfs "$directory"
    done
    # libvirt-daemon-system would have made them.
    { grep -v ^libvirt-qemu: /etc/passwd; echo libvirt-qemu:x:64055:64055::/var/lib/libvirt:/usr/sbin/nologin; } >/run/passwd
    { grep -v ^libvirt-qemu: /etc/group; echo libvirt-qemu:x:64055:; } >/run/group
    mount --bind /run/passwd /etc/passwd
    mount --bind /run/group /etc/group
    cat >/etc/libvirt/libvirtd.conf <<END
listen_tls = 1
listen_tcp = 1
auth_tcp = "none"
listen_addr = "10.77.$number.2"
ca_file = "/run/pki/cacert.pem"
cert_file = "/run/pki/servercert-$number.pem"
key_file = "/run/pki/serverkey.pem"
END
    cat >/etc/libvirt/qemu.conf <<'END'
user = "libvirt-qemu"
group = "libvirt-qemu"
security_driver = "none"
cgroup_controllers = []
namespaces = []
stdio_handler = "file"
END
    PATH=/run/emulators /usr/sbin/libvirtd --listen &
    # The first process of the host, which every orphan becomes a child of.
    wait
}

if [[ ${1:-} == --inside ]]; then
    shift
    inside "$@"
    exit
fi

ip netns add "$net"
ip link add "veth$number" type veth peer name eth0 netns "$net"
ip address add "10.77.$number.1/24" dev "veth$number"
ip link set "veth$number" up
ip -n "$net" address add "10.77.$number.2/24" dev eth0
ip -n "$net" link set lo up
ip -n "$net" link set eth0 up
exec ip netns exec "$net" unshare --mount --pid --uts --ipc --fork --kill-child --mount-proc "$0" "$number" "$pki" --inside "$@"
