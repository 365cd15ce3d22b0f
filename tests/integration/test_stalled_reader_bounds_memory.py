"""Whoever stops reading for a minute stops the sender, and costs a few buffers, not the stream."""

import threading

from support import limits, stream
from support.clients import Client
from support.edges import Edge
from support.origin import Origin

# Far more than all buffers of the kernel and of both programs together.
STREAM_BYTES = 384 * limits.MIB
SAMPLE_SECONDS = 1.0


class Stalls:
    """An origin that sends for the first byte `d`, and for `u` reads only once it is told to."""

    def __init__(self):
        self.go_on = threading.Event()

    def __call__(self, connection, events):
        if connection.recv(1) == b"d":
            for block in stream.blocks(STREAM_BYTES, seed=2):
                connection.sendall(block)
            events.put("all sent")
            while connection.recv(65536):
                pass
        else:
            connection.sendall(b"!")
            self.go_on.wait()
            events.put(stream.digest_of(connection.recv))


def test_stalled_reader_bounds_memory(world, kind):
    origin_does = Stalls()
    origin = world.closing(Origin(origin_does))
    edge = Edge(world, kind, origin.address)
    user = Client(world, edge)
    user.login()
    # Both directions at once, in two tunnels, so that the minute is spent once.
    down = user.start("access", "ssh", "--hostname", edge.host())
    up = user.start("access", "ssh", "--hostname", edge.host())
    down.process.stdin.write(b"d")
    down.process.stdin.flush()
    up.process.stdin.write(b"u")
    up.process.stdin.flush()
    assert down.process.stdout.read(1) and up.process.stdout.read(1) == b"!"

    everyone = {"client that is not read": down, "client that is not drained": up, "edge": edge.child}
    before = {name: child.resident_bytes() for name, child in everyone.items()}

    def send_all():
        for block in stream.blocks(STREAM_BYTES, seed=3):
            stream.write_all(up.process.stdin.fileno(), block)
        up.process.stdin.close()

    sender = threading.Thread(target=send_all, daemon=True)
    sender.start()
    most = dict(before)
    for _ in range(int(limits.STALL_SECONDS / SAMPLE_SECONDS)):
        sender.join(SAMPLE_SECONDS)
        for name, child in everyone.items():
            assert child.process.poll() is None, f"{name} gave up: {child.stderr.text}"
            most[name] = max(most[name], child.resident_bytes())
    assert sender.is_alive(), "the upload was swallowed although nobody read it"
    assert origin.events.empty(), "the download was swallowed although nobody read it"
    growth = {name: most[name] - before[name] for name in everyone}
    assert max(growth.values()) <= limits.STALL_GROWTH_BYTES, growth

    origin_does.go_on.set()
    state = stream.hashlib.blake2b()
    expected = stream.digest(STREAM_BYTES, seed=2)
    first = b"\0"  # the byte read above: the first block's number starts with zeros
    state.update(first)
    left = STREAM_BYTES - 1
    while left and (data := down.process.stdout.read1(min(left, stream.BLOCK))):
        state.update(data)
        left -= len(data)
    assert left == 0, down.stderr.text
    assert state.hexdigest() == expected
    results = [origin.events.next(limits.TRANSFER_DEADLINE) for _ in range(2)]
    assert "all sent" in results
    assert (stream.digest(STREAM_BYTES, seed=3), STREAM_BYTES) in results
    sender.join(limits.TRANSFER_DEADLINE)
    down.process.stdin.close()
    assert down.wait() == 0, down.stderr.text
    assert up.wait() == 0, up.stderr.text
    for child in (down, up):
        child.process.stdout.close()
