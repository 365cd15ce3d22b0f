"""The tunnel itself, without ssh: every byte, each way."""

import pytest

from support import limits, stream
from support.clients import Client
from support.edges import Edge
from support.origin import Origin, echo, sink, source


@pytest.fixture
def tunnel(world, kind):
    """A tunnel of a logged-in client to an origin that runs the given function."""
    def open_to(serve):
        origin = world.closing(Origin(serve))
        edge = Edge(world, kind, origin.address)
        client = Client(world, edge)
        client.login()
        return origin, client.start("access", "ssh", "--hostname", edge.host())
    return open_to


def test_upload_arrives_whole(tunnel):
    origin, client = tunnel(sink)
    descriptor = client.process.stdin.fileno()
    for block in stream.blocks(limits.TRANSFER_BYTES):
        stream.write_all(descriptor, block)
    client.process.stdin.close()
    digest, length = origin.events.next(limits.TRANSFER_DEADLINE)
    assert length == limits.TRANSFER_BYTES
    assert digest == stream.digest(limits.TRANSFER_BYTES)
    assert client.wait() == 0, client.stderr.text
    client.process.stdout.close()


def test_download_arrives_whole(tunnel):
    _, client = tunnel(source(limits.TRANSFER_BYTES))
    digest, length = stream.digest_of(client.process.stdout.read1)
    assert length == limits.TRANSFER_BYTES, client.stderr.text
    assert digest == stream.digest(limits.TRANSFER_BYTES)
    client.process.stdin.close()
    assert client.wait() == 0, client.stderr.text
    client.process.stdout.close()


@pytest.mark.parametrize("size", [1, 1000, 16 * 1024, 64 * 1024 - 14, 64 * 1024, 64 * 1024 + 1])
def test_every_size_of_write_comes_back(tunnel, size):
    """Sizes around those of TLS records, frames and buffers; each answered before the next is sent."""
    _, client = tunnel(echo)
    data = next(stream.blocks(size))
    for _ in range(3):
        stream.write_all(client.process.stdin.fileno(), data)
        assert client.process.stdout.read(size) == data
    client.process.stdin.close()
    assert client.wait() == 0, client.stderr.text
    client.process.stdout.close()
