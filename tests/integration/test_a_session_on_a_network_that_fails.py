"""A client and an edge whose network is slow, loses packets, swallows them, and changes: the session goes on, and soon."""

import hashlib
import subprocess
import threading
import time

import pytest

from support import limits, stream
from support.clients import CFPIPE, Client, Ssh
from support.configured_edge import ConfiguredEdge
from support.network import Network
from support.origin import Origin, echo
from support.process import wait_until
from support.servers import Sshd
from support.supervised import EVERYBODY

DELAY_MS = 50
ROUND_TRIP = 2 * DELAY_MS / 1000
# Seconds. What the sanitizers take for a handshake is no part of it, nor what other tests beside these may: where a try is short, the best
# of several counts.
SLACK = 5 if limits.SANITIZED else 0
MOVED = 1 + 2 * ROUND_TRIP + SLACK
LOADED = 10
NOTICED = 10 + max(SLACK, LOADED / 2)
LOSS = 0.02
TRANSFER = limits.MIB * (4 if limits.SANITIZED else 16)
TRIES = 10
OVER = 0.5  # round trips that the machine may add

TRANSPORTS = pytest.mark.parametrize("transport", ["h1", "h2"])


class Site:
    """A client at one end of the wire that has signed in, and at the other its edge with what is behind it."""

    def __init__(self, world, origin=None, **edge):
        self.world, self.network = world, Network(world)
        if origin is None:
            with self.network.server.entered():
                origin = world.closing(Origin(echo)).address
        elif callable(origin):
            origin = origin(self.network.server)
        # At its end it waits for connections from addresses that are gone: no longer than that.
        self.edge = ConfiguredEdge(world, origin, EVERYBODY, run_by=self.network.server.inside(), more={"drain": "2s"}, **edge)
        self.client = Client(world, self.edge)
        self.run("access", "login", self.edge.url()).ok()
        self.network.delay(DELAY_MS)

    def run(self, *args):
        return self.world.run(self.network.client.inside([CFPIPE, *args]), self.client.env)

    def start(self, *more):
        argv = [CFPIPE, "access", "ssh", *more, "--hostname", self.edge.host(), "--log-file", self.world.path("client.log")]
        return self.world.start(self.network.client.inside(argv), self.client.env, stdin=subprocess.PIPE, collect=False)

    def log(self):
        return self.world.path("client.log").read_text()

    def resumed(self):
        return len([row for row in self.edge.audit() if row["kind"] == "tunnel_resume"])


@pytest.fixture
def site(world):
    return Site(world)


def write(child, text):
    child.process.stdin.write(text)
    child.process.stdin.flush()


def answers(child, text):
    write(child, text)
    return child.process.stdout.read(len(text)) == text


def end(child):
    child.process.stdin.close()
    with child.process.stdout as output:
        assert output.read() == b""
    assert child.wait() == 0, child.stderr.text


@TRANSPORTS
def test_typing_goes_on_once_another_address_is_there(site, transport):
    child = site.start("--transport", transport)
    took = []
    for number in range(1, 4):
        assert answers(child, b"before") and answers(child, b"still")
        site.network.move()
        start = time.monotonic()
        assert answers(child, b"after")
        took.append(time.monotonic() - start)
        assert site.resumed() >= number
    assert min(took) < MOVED and max(took) < MOVED + LOADED, (took, site.log())
    end(child)


@TRANSPORTS
def test_a_nat_that_forgets_is_noticed_by_what_is_typed(site, transport):
    """Nothing tells of it: the addresses are the same, and no packet comes back."""
    child = site.start("--transport", transport)
    assert answers(child, b"before")
    site.network.forget_connections()
    start = time.monotonic()
    assert answers(child, b"after")
    assert time.monotonic() - start < NOTICED, site.log()
    assert site.resumed() == 1
    end(child)


@TRANSPORTS
@pytest.mark.parametrize("direction", ["forth", "back", "both"])
def test_a_hole_is_noticed_and_the_session_goes_on_once_it_heals(site, transport, direction):
    child = site.start("--transport", transport)
    assert answers(child, b"before")
    site.network.black_hole(direction)
    start = time.monotonic()
    write(child, b"during")
    wait_until(lambda: "has lost its connection" in site.log(), "the client has noticed")
    assert time.monotonic() - start < NOTICED, site.log()
    site.network.heal()
    start = time.monotonic()
    assert child.process.stdout.read(6) == b"during"
    assert time.monotonic() - start < NOTICED, site.log()
    end(child)


def test_a_hole_that_heals_soon_costs_no_connection(site):
    child = site.start()
    assert answers(child, b"before")
    site.network.black_hole()
    write(child, b"during")
    wait_until(lambda: site.network.stats()["forth"]["lost"] >= 2, "TCP has tried again")
    site.network.heal()
    assert child.process.stdout.read(6) == b"during"
    assert site.resumed() == 0
    end(child)


def test_another_network_is_gone_over_to_from_one_that_swallows_everything(site):
    child = site.start()
    assert answers(child, b"before")
    site.network.black_hole()
    write(child, b"during")
    site.network.leave()
    site.network.heal()
    site.network.join()
    start = time.monotonic()
    assert child.process.stdout.read(6) == b"during"
    assert time.monotonic() - start < MOVED + LOADED, site.log()
    end(child)


@TRANSPORTS
@pytest.mark.parametrize("moves", [0, 3], ids=["stays", "moves"])
def test_large_streams_are_whole_where_packets_are_lost(site, transport, moves):
    site.network.loss(LOSS)
    child = site.start("--transport", transport)
    sent, received = hashlib.sha256(), hashlib.sha256()
    blocks = list(stream.blocks(TRANSFER))

    def send():
        for block in blocks:
            write(child, block)
            sent.update(block)
        child.process.stdin.close()

    sending = threading.Thread(target=send, daemon=True)
    sending.start()
    size, moved = 0, 0
    with child.process.stdout as output:
        while data := output.read1(1 << 16):
            received.update(data)
            size += len(data)
            if moved < moves and size > (moved + 1) * TRANSFER // (moves + 1):
                site.network.move()
                moved += 1
    sending.join()
    assert child.wait() == 0, child.stderr.text
    assert (size, received.digest(), moved) == (TRANSFER, sent.digest(), moves)
    assert site.resumed() >= moves


def test_a_shell_goes_on_on_another_network(world):
    sshds = []

    def sshd(server):
        sshds.append(Sshd(world, run_by=server.inside))
        return sshds[0].address

    site = Site(world, sshd, certificates={"principals": ["email_prefix"]})
    sshds[0].trust(site.edge.ssh_ca())
    text = site.world.run(site.network.client.inside([CFPIPE, "access", "ssh-config", "--hostname", site.edge.host(), "--short-lived-cert",
                                                      "--style", "match"]), site.client.env).ok().stdout
    ssh = Ssh(site.client, text=text)
    argv = site.network.client.inside(["/usr/bin/ssh", "-F", ssh.config, ssh.host, "while read line; do echo \"said $line\"; done"])
    shell = world.start(argv, site.client.env, stdin=subprocess.PIPE, collect=False)
    took = []
    for number in range(3):
        write(shell, b"%d\n" % number)
        assert shell.process.stdout.readline() == b"said %d\n" % number
        site.network.move()
        start = time.monotonic()
        write(shell, b"after\n")
        assert shell.process.stdout.readline() == b"said after\n"
        took.append(time.monotonic() - start)
    assert min(took) < MOVED and max(took) < MOVED + LOADED, took
    assert site.resumed() >= 3
    shell.process.stdin.close()
    with shell.process.stdout:
        assert shell.wait() == 0


@pytest.mark.skipif(limits.SANITIZED, reason="what the sanitizers add is more than a round trip")
@pytest.mark.parametrize("resume", ["--resume", "--no-resume"])
@pytest.mark.parametrize("trips", [2, 3])
def test_the_first_bytes_take_no_more_round_trips(world, resume, trips):
    """The wire's packets, and so TCP's own handshake: three with a full handshake of TLS, two where the session is resumed."""
    site = Site(world, lambda server: Sshd(world, run_by=server.inside).address)
    more = [] if resume == "--resume" else [resume]
    seen = []
    for _ in range(TRIES):
        if trips == 3:
            site.client.forget_sessions()
        start = time.monotonic()
        child = site.start(*more)
        with child.process.stdout as output:
            assert output.readline().startswith(b"SSH-2.0-")
            seen.append((time.monotonic() - start) / ROUND_TRIP)
            child.process.stdin.close()
            assert child.wait() == 0, child.stderr.text
        assert seen[-1] >= trips or (trips == 2 and len(seen) == 1), seen
        if seen[-1] < trips + OVER and len(seen) > 1:
            return
    raise AssertionError(seen)
