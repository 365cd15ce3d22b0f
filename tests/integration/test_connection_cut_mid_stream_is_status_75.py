"""An end without the protocol's EOF is a loss, never a normal end: ssh must not take a cut for a logout."""

import os
import re
import signal
import subprocess

import pytest

from support import limits, stream
from support.clients import LOST, PROTOCOL, Client, ERROR_LINE
from support.edges import Edge
from support.origin import Origin, echo, source

CUT_AFTER_BYTES = 1_000_000
# The client pings every 20 s and gives up 45 s after the last sign of life; a little more for a busy machine.
SILENCE_SECONDS = 60
# With a ping each second silence would be an end after 4.
PINGS_SECONDS = 8


@pytest.fixture
def cut(world):
    """A tunnel to an endless source through an edge with the given fault; returns what came out, and how it ended."""
    def run(fault, deadline=limits.COMMAND_DEADLINE):
        origin = world.closing(Origin(source(limits.TRANSFER_BYTES)))
        client = Client(world, Edge(world, "mock", origin.address, faults=[fault]))
        client.login()
        child = client.start("access", "ssh", "--hostname", client.edge.host())
        data = child.process.stdout.read()
        status = child.wait(deadline)
        child.process.stdin.close()
        child.process.stdout.close()
        lines = child.stderr.text.splitlines()
        assert len(lines) == 1 and ERROR_LINE.fullmatch(lines[0]), child.stderr.text
        assert lines[0].startswith("cfpipe: tunnel: ")
        return data, status
    return run


@pytest.mark.parametrize("how", ["cut-after", "fin-after"], ids=["reset", "TCP closed without the end of TLS"])
def test_cut_is_status_75_and_what_came_before_is_delivered(cut, how):
    data, status = cut(f"{how}={CUT_AFTER_BYTES}")
    assert status == LOST
    assert data == next(stream.blocks(CUT_AFTER_BYTES))


def tunnel(world, kind, *more, origin=source(limits.TRANSFER_BYTES), faults=()):
    client = Client(world, Edge(world, kind, world.closing(Origin(origin)).address, faults=faults))
    client.login()
    return client, client.start("access", "ssh", "--hostname", client.edge.host(), *more)


def test_the_end_of_tls_is_an_end_where_the_edge_is_not_ours(world):
    """cloudflared sends no Close frame, at either end: a server that speaks first and leaves is no loss."""
    _, child = tunnel(world, "mock", faults=[f"close-after={CUT_AFTER_BYTES}"])
    with child.process.stdout as output:
        assert output.read() == next(stream.blocks(CUT_AFTER_BYTES))
    child.process.stdin.close()
    assert child.wait() == 0 and child.stderr.text == ""


def test_an_edge_of_ours_that_says_nothing_is_status_75(world):
    client, child = tunnel(world, "own", "--no-resume", origin=echo)
    child.process.stdin.write(b"?")
    child.process.stdin.flush()
    assert child.process.stdout.read(1) == b"?"
    os.kill(client.edge.child.pid, signal.SIGSTOP)
    try:
        assert child.wait(SILENCE_SECONDS) == LOST
    finally:
        os.kill(client.edge.child.pid, signal.SIGCONT)
    child.process.stdin.close()
    child.process.stdout.close()
    assert re.fullmatch("cfpipe: tunnel: the edge stopped answering.*\n", child.stderr.text), child.stderr.text


def test_a_foreign_edge_may_say_nothing_while_its_system_acknowledges(world):
    """Its origin may not read: cloudflared answers pings behind all data."""
    _, child = tunnel(world, "mock", "--ping-interval", "1", faults=[f"silent-after={CUT_AFTER_BYTES}"])
    assert child.process.stdout.read(CUT_AFTER_BYTES) == next(stream.blocks(CUT_AFTER_BYTES))
    with pytest.raises(subprocess.TimeoutExpired):
        child.process.wait(PINGS_SECONDS)
    child.stop()
    child.process.stdin.close()
    child.process.stdout.close()


@pytest.mark.parametrize("fault", ["masked-frame", "reserved-bits", "reserved-opcode", "orphan-continuation",
                                   "fragmented-control", "oversized-control", "endless-frame"])
def test_frames_that_the_protocol_forbids_are_status_76(cut, fault):
    _, status = cut(fault)
    assert status == PROTOCOL


@pytest.mark.parametrize("fault", ["tiny-frames=7", "continuation-frames", "ping-flood=50"])
def test_frames_that_are_only_odd_change_nothing(world, fault):
    origin = world.closing(Origin(source(CUT_AFTER_BYTES)))
    client = Client(world, Edge(world, "mock", origin.address, faults=[fault]))
    client.login()
    child = client.start("access", "ssh", "--hostname", client.edge.host())
    assert child.process.stdout.read(CUT_AFTER_BYTES) == next(stream.blocks(CUT_AFTER_BYTES))
    child.process.stdin.close()
    assert child.wait() == 0, child.stderr.text
    child.process.stdout.close()


def test_edge_killed_mid_session_is_status_75(user):
    child = user.start("access", "ssh", "--hostname", user.edge.host())
    assert child.process.stdout.readline().startswith(b"SSH-2.0-")
    user.edge.child.kill()
    assert child.wait() == LOST
    child.process.stdin.close()
    child.process.stdout.close()
