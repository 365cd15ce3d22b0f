"""Tails are never cut: whichever side ends first, and however, the bytes before the end arrive, in every size."""

import array
import fcntl
import queue
import socket
import struct
import termios
import time

import pytest

from support import limits, stream
from support.clients import LOST, Client
from support.edges import Edge
from support.origin import Origin, sink

KIB = 1024
# Around what is one record, one read of standard input, one frame, one batch, and the large buffers; in bytes.
EDGES = [16 * KIB, 32 * KIB, 64 * KIB - 23, 64 * KIB, 128 * KIB, 256 * KIB, 512 * KIB]
SIZES = [1, *(edge + offset for edge in EDGES for offset in (-1, 0, 1)), 1_000_003]


def close_when_the_client_has(connection):
    connection.shutdown(socket.SHUT_WR)
    while connection.recv(65536):
        pass


def close_at_once(connection):
    """The descriptor goes the moment the last byte was written."""
    connection.close()


def reset(connection):
    """A reset, once the other system has everything: before that it would be the origin that cut its own tail."""
    unsent = array.array("i", [1])
    deadline = time.monotonic() + limits.COMMAND_DEADLINE
    while unsent[0]:
        assert time.monotonic() < deadline
        fcntl.ioctl(connection, termios.TIOCOUTQ, unsent)
        time.sleep(0.001)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    connection.close()


ENDINGS = {"close": (close_when_the_client_has, 0), "close at once": (close_at_once, 0), "reset": (reset, LOST)}


def a_user(world, kind, serve):
    origin = world.closing(Origin(serve))
    client = Client(world, Edge(world, kind, origin.address))
    client.login()
    return origin, client


@pytest.mark.parametrize("ending", ENDINGS)
def test_origin_that_ends_has_said_everything(world, kind, ending):
    end, status = ENDINGS[ending]
    if kind == "mock":
        status = 0  # as cloudflared, it does not say that the origin broke off
    sizes = queue.Queue()

    def serve(connection, events):
        for block in stream.blocks(sizes.get_nowait()):
            connection.sendall(block)
        end(connection)

    _, client = a_user(world, kind, serve)
    for size in SIZES:
        sizes.put(size)
        child = client.start("access", "ssh", "--hostname", client.edge.host())
        data = child.process.stdout.read()
        assert len(data) == size, (size, child.stderr.text)
        assert data == b"".join(stream.blocks(size)), size
        assert child.wait() == status, (size, child.stderr.text)
        child.process.stdin.close()
        child.process.stdout.close()


def test_client_that_ends_has_said_everything(world, kind):
    """All at once: an edge that cannot half-close lets each wait for two seconds."""
    origin, client = a_user(world, kind, sink)
    children = [client.start("access", "ssh", "--hostname", client.edge.host()) for _ in SIZES]
    for child, size in zip(children, SIZES):
        for block in stream.blocks(size):
            stream.write_all(child.process.stdin.fileno(), block)
        child.process.stdin.close()
    for child in children:
        assert child.wait() == 0, child.stderr.text
        child.process.stdout.close()
    heard = sorted(origin.events.next()[::-1] for _ in SIZES)
    assert heard == sorted((size, stream.digest(size)) for size in SIZES)


def test_origin_that_breaks_off_under_an_upload_has_said_everything(world, kind):
    """Bytes that are not read any more stand between the client and the last ones that are for it."""
    total = 200_001

    def serve(connection, events):
        connection.recv(1)
        for block in stream.blocks(total):
            connection.sendall(block)
        reset(connection)

    _, client = a_user(world, kind, serve)
    for _ in range(5):
        child = client.start("access", "ssh", "--hostname", client.edge.host())
        try:
            stream.write_all(child.process.stdin.fileno(), bytes(300_000))
        except BrokenPipeError:
            pass  # the client has heard of the end before it was told everything
        data = child.process.stdout.read()
        assert data == b"".join(stream.blocks(total)), (len(data), child.stderr.text)
        assert child.wait() in ((LOST,) if kind == "own" else (LOST, 0)), child.stderr.text
        child.process.stdin.close()
        child.process.stdout.close()
