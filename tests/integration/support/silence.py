"""A network of its own in which whatever is not on loopback vanishes without an answer: names, connects, all of it."""

import subprocess

import pytest

# Behind a link at whose other end no host has this address.
NOWHERE = "10.99.0.1"


def silent_network(world):
    """argv in front of a command that runs there; its name server is at NOWHERE, its hosts file names localhost only.
    Skips where there can be none."""
    resolv = world.path("resolv.conf")
    resolv.write_text(f"nameserver {NOWHERE}\n")
    hosts = world.path("hosts")
    hosts.write_text("127.0.0.1 localhost\n")
    script = world.script("in-silence", f"""set -e
ip link set lo up
ip link add nowhere type veth peer name other-end
ip link set other-end up
ip addr add 10.99.0.2/24 dev nowhere
ip link set nowhere up
ip neigh add {NOWHERE} lladdr 02:00:00:00:00:01 dev nowhere
mount --bind {resolv} /etc/resolv.conf
mount --bind {hosts} /etc/hosts
exec "$@\"""")
    argv = ["/usr/bin/unshare", "--map-root-user", "--mount", "--net", str(script)]
    tried = subprocess.run([*argv, "true"], env=world.env, capture_output=True, text=True)
    if tried.returncode != 0:
        pytest.skip(f"no network namespace can be made here: {tried.stderr.strip()}")
    return argv
