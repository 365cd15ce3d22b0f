"""A large stream each way at once through a connector: every byte arrives, and neither the edge nor the connector keeps them."""

import threading

import pytest

from support import limits, stream
from support.clients import Client
from support.connectors import Connector, edge_for
from support.origin import Origin

UP, DOWN = 4, 5  # seeds
# What a program may grow by: at the edge a direction may wait in each of two streams, whose windows grow to 24 MiB where answers
# take long, as on a busy machine (docs/BOUNDS.md); and buffers.
GROWTH_BYTES = (2 * 24 + 16) * limits.MIB


def both_ways(connection, events):
    """Sends one stream while it reads the other one."""
    def send():
        for block in stream.blocks(limits.TRANSFER_BYTES, DOWN):
            connection.sendall(block)
    sender = threading.Thread(target=send)
    sender.start()
    events.put(stream.digest_of(connection.recv))
    sender.join()


class Growth:
    """What programs take beyond what they have taken at first, at most, in bytes of resident memory."""

    def __init__(self, **children):
        self._children = children
        self._first = {name: child.resident_bytes() for name, child in children.items()}
        self.most = dict.fromkeys(children, 0)

    def look(self):
        for name, child in self._children.items():
            self.most[name] = max(self.most[name], child.resident_bytes() - self._first[name])


@pytest.mark.parametrize("transport", ["h1", "h2"])
def test_both_directions_arrive_whole(world, transport):
    origin = world.closing(Origin(both_ways))
    edge = edge_for(world, origin.address)
    connector = Connector(world, edge, [origin.address])
    client = Client(world, edge)
    client.login()
    growth = Growth(edge=edge.child, connector=connector.child)
    child = client.start("access", "ssh", "--hostname", edge.host(), "--transport", transport)

    def send():
        with child.process.stdin as up:
            for block in stream.blocks(limits.TRANSFER_BYTES, UP):
                stream.write_all(up.fileno(), block)
    sender = threading.Thread(target=send, daemon=True)
    sender.start()

    def read(count):
        growth.look()
        return child.process.stdout.read1(count)
    down = stream.digest_of(read)
    assert down == (stream.digest(limits.TRANSFER_BYTES, DOWN), limits.TRANSFER_BYTES), child.stderr.text
    assert origin.events.next(limits.TRANSFER_DEADLINE) == (stream.digest(limits.TRANSFER_BYTES, UP), limits.TRANSFER_BYTES)
    sender.join()
    assert child.wait() == 0, child.stderr.text
    child.process.stdout.close()
    if not limits.SANITIZED:  # they shadow all memory
        assert max(growth.most.values()) <= GROWTH_BYTES, growth.most
