"""Two machines, as far as their network goes, and the long wire between them: bench/wire joins two network namespaces. Nothing of this
machine's own network changes."""

import contextlib
import ctypes
import json
import os
import pathlib
import subprocess

import pytest

from support import limits
from support.cable import IP, ip, numbered, set_up

NETWORKS = 4096
DEVICE = "wire"
# For tests of networks (RFC 2544); the client's addresses are 1, 2 … of its own.
SERVER = "198.18.0.1"
CLIENT = "198.18.1."
# linux/sched.h
CLONE_NEWNET = 0x40000000
# Exit status of the wire where the system does not let it be.
UNAVAILABLE = 69


class Namespace:
    """One end of the wire."""

    def __init__(self, name):
        self.name = name

    def inside(self, argv=()):
        """The command that runs this one inside."""
        return [IP, "netns", "exec", self.name, *argv]

    def ip(self, *args):
        done = ip("-n", self.name, *args)
        assert done.returncode == 0, (args, done.stderr)
        return done.stdout

    def lets_loopback_out(self):
        """Packets to and from 127.0.0.1 are not dropped at the wire (ip-sysctl, route_localnet)."""
        with self.entered():
            try:
                pathlib.Path(f"/proc/sys/net/ipv4/conf/{DEVICE}/route_localnet").write_text("1")
            except OSError as error:
                pytest.skip(f"a namespace here cannot be set up: {error}")

    @contextlib.contextmanager
    def entered(self):
        """The sockets that this thread makes meanwhile belong to this end, and stay there."""
        with open("/proc/thread-self/ns/net") as here, open(f"/run/netns/{self.name}") as there:
            _set_network(there)
            try:
                yield
            finally:
                _set_network(here)


def _set_network(file):
    if ctypes.CDLL(None, use_errno=True).setns(file.fileno(), CLONE_NEWNET) != 0:
        raise OSError(ctypes.get_errno(), "setns")


class Network:
    """`client` and `server` are its ends; `address` is that of the server, `client_address` the client's of now. The client has no loopback
    of its own: 127.0.0.1, which names under .localhost lead to, is over the wire the server's. What is asked of the wire is in force when
    the call returns."""

    def __init__(self, world, *options):
        number, self._held = numbered("network", NETWORKS)
        self.client, self.server = (Namespace(f"cfp-net-{number}-{end}") for end in ("client", "server"))
        self.address, self._moves = SERVER, 0
        world.closing(self)
        self._remove()  # of a run that was killed
        set_up([*(("netns", "add", end.name) for end in (self.client, self.server)),
                ("-n", self.server.name, "link", "set", "lo", "up")])
        argv = [limits.BUILD / "bench/wire", *options, self.client.name, self.server.name]
        self.wire = world.start(argv, stdin=subprocess.PIPE, collect=False)
        if self.wire.process.stdout.readline() != b"ready\n":
            status = self.wire.wait()
            assert status == UNAVAILABLE, self.wire.stderr.text
            pytest.skip(self.wire.stderr.text.strip())
        for end in (self.client, self.server):
            end.lets_loopback_out()
            end.ip("link", "set", DEVICE, "up")
        self.server.ip("addr", "add", f"{SERVER}/32", "dev", DEVICE)
        self.server.ip("route", "add", "default", "dev", DEVICE)
        self.join()

    @property
    def client_address(self):
        return f"{CLIENT}{self._moves}"

    def leave(self):
        """The client has no address any more, and no route."""
        self.client.ip("addr", "del", f"{self.client_address}/32", "dev", DEVICE)

    def join(self):
        """The client gets an address that it has not had, and a route."""
        self._moves += 1
        self.client.ip("addr", "add", f"{self.client_address}/32", "dev", DEVICE)
        self.client.ip("route", "add", "default", "dev", DEVICE, "src", self.client_address)

    def move(self):
        """As a laptop does that goes to another network: the old address is gone before the new one is there."""
        self.leave()
        self.join()

    def delay(self, milliseconds):
        """One way; a round trip takes twice as long."""
        self.ask("delay", milliseconds)

    def loss(self, share):
        """Of the packets of each direction."""
        self.ask("loss", share)

    def rate(self, megabits):
        """A second, each way; 0 is without limit."""
        self.ask("rate", megabits)

    def black_hole(self, direction="both"):
        """From now on nothing arrives. `forth`: nothing of what the client sends; `back`: nothing of what the server does."""
        self.ask("hole", direction)

    def heal(self):
        self.ask("hole", "none")

    def forget_connections(self):
        """As a NAT that was restarted: of the TCP connections that there are, nothing arrives any more; new ones work."""
        self.ask("forget")

    def stats(self):
        return json.loads(self._answer("stats"))

    def ask(self, *words):
        answer = self._answer(*words)
        assert answer == "done", (words, answer)

    def _answer(self, *words):
        self.wire.process.stdin.write((" ".join(map(str, words)) + "\n").encode())
        self.wire.process.stdin.flush()
        answer = self.wire.process.stdout.readline().decode().strip()
        assert answer, (words, self.wire.stderr.text)
        return answer

    def _remove(self):
        for end in (self.client, self.server):
            if os.path.exists(f"/run/netns/{end.name}"):
                ip("netns", "del", end.name)

    def close(self):
        self._remove()
        self._held.close()
