"""The end of one direction leaves the other one alone, where the edge half-closes (ours does)."""

import pytest

from support import limits, stream
from support.clients import Client
from support.edges import Edge
from support.origin import Origin, answer_after_eof, source

ANSWER_BYTES = 32 * limits.MIB
REQUEST_BYTES = 3 * limits.MIB + 5


@pytest.mark.parametrize("kind", ["own"], indirect=True)
def test_stdin_eof_keeps_the_download(world, kind):
    origin = world.closing(Origin(answer_after_eof(ANSWER_BYTES)))
    edge = Edge(world, kind, origin.address)
    user = Client(world, edge)
    user.login()
    request = b"".join(stream.blocks(REQUEST_BYTES, seed=4))
    finished = user.tunnel(input=request).ok()
    assert origin.events.next() == (stream.digest(REQUEST_BYTES, seed=4), REQUEST_BYTES)
    assert len(finished.output) == ANSWER_BYTES
    assert finished.output == b"".join(stream.blocks(ANSWER_BYTES))


def test_bytes_sent_right_before_the_end_arrive(world, kind):
    """A short answer and the end in one go, as a server does that refuses: nothing of the tail is lost."""
    total = 300_001
    origin = world.closing(Origin(source(total, seed=6)))
    edge = Edge(world, kind, origin.address)
    user = Client(world, edge)
    user.login()
    client = user.start("access", "ssh", "--hostname", edge.host())
    assert client.process.stdout.read(total) == b"".join(stream.blocks(total, seed=6))
    client.process.stdin.close()
    assert client.wait() == 0, client.stderr.text
    client.process.stdout.close()
