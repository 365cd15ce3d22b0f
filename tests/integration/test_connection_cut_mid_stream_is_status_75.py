"""An end that nobody has announced is a loss, never a normal end: ssh must not take a cut for a logout."""

import pytest

from support import limits, stream
from support.clients import LOST, PROTOCOL, Client, ERROR_LINE
from support.edges import Edge
from support.origin import Origin, source

CUT_AFTER_BYTES = 1_000_000
# The client pings every 20 s and gives up 45 s after the last sign of life; a little more for a busy machine.
SILENCE_SECONDS = 60


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


@pytest.mark.parametrize("how", ["cut-after", "close-after"], ids=["reset", "TLS closed without a Close frame"])
def test_cut_is_status_75_and_what_came_before_is_delivered(cut, how):
    data, status = cut(f"{how}={CUT_AFTER_BYTES}")
    assert status == LOST
    assert data == next(stream.blocks(CUT_AFTER_BYTES))


def test_silent_edge_is_status_75(cut):
    data, status = cut(f"silent-after={CUT_AFTER_BYTES}", SILENCE_SECONDS)
    assert status == LOST
    assert data == next(stream.blocks(CUT_AFTER_BYTES))


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
