"""Clients that have not signed in and make the edge hold memory: it stays within its bound, the tunnels that are open carry every byte,
another gets in, and the memory goes back to the system. CFPIPE_LONG=1: as many and as long as it takes."""

import os
import re
import threading
import time

import pytest

from support import attacks, limits, stream
from support.clients import Client
from support.configured_edge import ConfiguredEdge
from support.origin import Origin, echo
from support.process import wait_until

pytestmark = pytest.mark.skipif(limits.SANITIZED, reason="the sanitizers shadow all memory")

LONG = bool(os.environ.get("CFPIPE_LONG"))
PROCESS_BYTES = 512 * limits.MIB
CONNECTIONS = 50 if LONG else 12
IDLE = 5_000 if LONG else 300  # open files of this process are the bound
SECONDS = 20 if LONG else 2
TUNNELS = 200 if LONG else 4
GET_IN_SECONDS = 2 if LONG else limits.READY_DEADLINE
# Resident memory, in bytes: a quarter of the process's is the budget; the program itself, TLS and the allocator are the rest.
MOST_RESIDENT = PROCESS_BYTES // 4 + 64 * limits.MIB
BACK_WITHIN = 48 * limits.MIB
POLICIES = [{"name": "all", "decision": "allow", "include": [{"email_domain": "example.com"}]}]
ROUND = 256 * 1024  # bytes


class Tunnel:
    """Sends known bytes and takes them back from an origin that echoes, until it is told to end."""

    def __init__(self, client, seed):
        self.child = client.start("access", "ssh", "--hostname", client.edge.host())
        self.fault, self.rounds, self._seed, self._end = None, 0, seed, threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self):
        sink, source = self.child.process.stdin, self.child.process.stdout
        block = b"".join(stream.blocks(ROUND, seed=self._seed))
        try:
            while not self._end.is_set() and not self.fault:
                sink.write(block)
                sink.flush()
                if source.read(len(block)) != block:
                    self.fault = f"round {self.rounds} came back changed: {self.child.stderr.text}"
                self.rounds += 1
        except OSError as error:
            self.fault = f"{error}: {self.child.stderr.text}"

    def finish(self):
        self._end.set()
        self._thread.join(limits.TRANSFER_DEADLINE)
        self.child.process.stdin.close()
        assert self.child.wait() == 0, self.child.stderr.text
        self.child.process.stdout.close()
        assert self.fault is None and self.rounds > 0, self.fault


def most_resident(pid):
    text = open(f"/proc/{pid}/status", encoding="ascii").read()
    return int(re.search(r"^VmHWM:\s+(\d+) kB", text, re.MULTILINE).group(1)) * 1024


@pytest.fixture
def edge(world):
    origin = world.closing(Origin(echo))
    return ConfiguredEdge(world, origin.address, POLICIES, run_by=("prlimit", f"--data={PROCESS_BYTES}"))


@pytest.fixture
def client(world, edge):
    client = Client(world, edge)
    client.login()
    return client


def get_in(client):
    """Seconds until a new tunnel has carried a byte there and back."""
    start = time.monotonic()
    child = client.start("access", "ssh", "--hostname", client.edge.host())
    child.process.stdin.write(b"?")
    child.process.stdin.close()
    assert child.process.stdout.read() == b"?", child.stderr.text
    child.process.stdout.close()
    took = time.monotonic() - start
    assert child.wait() == 0, child.stderr.text
    return took


@pytest.mark.parametrize("kind", attacks.ALL, ids=lambda kind: kind.__name__)
def test_memory_stays_bounded_and_tunnels_whole(edge, client, kind):
    tunnels = [Tunnel(client, seed) for seed in range(TUNNELS)]
    wait_until(lambda: all(tunnel.rounds or tunnel.fault for tunnel in tunnels), "every tunnel is under way")
    before = edge.child.resident_bytes()
    until = time.monotonic() + SECONDS
    while True:
        attack = attacks.Attack(edge, kind, IDLE if kind is attacks.idle else CONNECTIONS)
        assert get_in(client) <= GET_IN_SECONDS
        over = time.monotonic() >= until
        attack.close()
        if over:
            break
    assert edge.child.process.poll() is None, edge.child.stderr.text
    assert most_resident(edge.child.pid) <= MOST_RESIDENT
    for tunnel in tunnels:
        tunnel.finish()
    wait_until(lambda: edge.child.resident_bytes() <= before + BACK_WITHIN, "the memory goes back to the system")
