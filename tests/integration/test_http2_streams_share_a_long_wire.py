"""Many tunnels on one HTTP/2 connection over a long wire, with the real programs: a reader that stalls stops no other stream,
and those who read share what the wire carries."""

import select

import pytest

from support import limits, stream
from support.listener import Listener
from support.origin import Origin, source
from support.wire import LongWire

DELAY_MS = 25  # each way
STREAMS = 100  # all that one connection takes
# More than all windows and buffers on the way of one tunnel take.
FLOOD_BYTES = 32 * limits.MIB
# Two readers: what each is offered, more than it takes however uneven the start is; what both have got before they are
# compared, and what they get then, in bytes; how much more than half of that one of them may have.
OFFERED_BYTES = 1024 * limits.MIB
WARM_UP_BYTES = 16 * limits.MIB
SHARED_BYTES = 64 * limits.MIB
UNEVEN = 1.5


@pytest.fixture
def listen(world):
    def start(total):
        origin = world.closing(Origin(source(total)))
        wire = LongWire(world, "own", origin.address, DELAY_MS)
        before = wire.relay.connections()
        # A Unix-domain socket holds little by itself.
        listener = Listener(wire.client, f"unix:{world.path('tunnels')}")
        listener.connections = lambda: wire.relay.connections() - before
        listener.origin = origin
        return listener
    return start


def test_ninety_nine_stalled_readers_stop_no_other_stream(listen):
    listener = listen(FLOOD_BYTES)
    stalled = [listener.connect() for _ in range(STREAMS - 1)]
    for connection in stalled:
        assert len(connection.recv(1)) == 1
    with listener.connect() as connection:
        assert stream.digest_of(connection.recv) == (stream.digest(FLOOD_BYTES), FLOOD_BYTES)
    assert listener.connections() == 1
    assert listener.origin.events.next() == ("sent", FLOOD_BYTES)
    assert listener.origin.events.empty()  # all others are still being sent
    for connection in stalled:
        connection.close()
    assert listener.stop() == 0


def read_both(pair, got, total):
    """Whatever has come on either, until they have got so much together."""
    while sum(got) < total:
        ready, _, _ = select.select(pair, [], [], limits.COMMAND_DEADLINE)
        assert ready, got
        for connection in ready:
            data = connection.recv(65536)
            assert data, got
            got[pair.index(connection)] += len(data)


def test_two_readers_share_evenly(listen):
    listener = listen(OFFERED_BYTES)
    pair = [listener.connect() for _ in range(2)]
    warm = [0, 0]
    while min(warm) < WARM_UP_BYTES:
        read_both(pair, warm, sum(warm) + 1)
    got = [0, 0]
    read_both(pair, got, SHARED_BYTES)
    assert max(got) < UNEVEN * SHARED_BYTES / 2, (got, warm)
    assert listener.connections() == 1
    for connection in pair:
        connection.close()
    assert listener.stop() == 0
