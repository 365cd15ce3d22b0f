"""A peer that stops reading for a minute stops the sender, and costs a few buffers, not the stream."""

import threading

import pytest

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


class StalledDownload:
    """Our standard output is not read."""

    def __init__(self, user):
        self.child = user.start("access", "ssh", "--hostname", user.edge.host())
        self.child.process.stdin.write(b"d")
        self.child.process.stdin.flush()
        assert self.child.process.stdout.read(1) == b"\0"  # the first block's number starts with zeros

    def finish(self):
        state = stream.hashlib.blake2b(b"\0")
        left = STREAM_BYTES - 1
        while left and (data := self.child.process.stdout.read1(min(left, stream.BLOCK))):
            state.update(data)
            left -= len(data)
        assert left == 0, self.child.stderr.text
        assert state.hexdigest() == stream.digest(STREAM_BYTES, seed=2)
        self.child.process.stdin.close()
        assert self.child.wait() == 0, self.child.stderr.text
        self.child.process.stdout.close()


class StalledUpload:
    """The origin does not read what we send."""

    def __init__(self, user):
        self.child = user.start("access", "ssh", "--hostname", user.edge.host())
        self.child.process.stdin.write(b"u")
        self.child.process.stdin.flush()
        assert self.child.process.stdout.read(1) == b"!"
        self.sender = threading.Thread(target=self._send_all, daemon=True)
        self.sender.start()

    def _send_all(self):
        with self.child.process.stdin as sink:
            for block in stream.blocks(STREAM_BYTES, seed=3):
                stream.write_all(sink.fileno(), block)

    def finish(self):
        self.sender.join(limits.TRANSFER_DEADLINE)
        assert self.child.wait() == 0, self.child.stderr.text
        self.child.process.stdout.close()


def watch_memory(children):
    """The growth of each for as long as the stall lasts, in bytes."""
    before = {name: child.resident_bytes() for name, child in children.items()}
    most = dict(before)
    pause = threading.Event()
    for _ in range(int(limits.STALL_SECONDS / SAMPLE_SECONDS)):
        pause.wait(SAMPLE_SECONDS)
        for name, child in children.items():
            assert child.process.poll() is None, f"{name} gave up: {child.stderr.text}"
            most[name] = max(most[name], child.resident_bytes())
    return {name: most[name] - before[name] for name in children}


@pytest.fixture
def stalls(world):
    stalls = Stalls()
    stalls.origin = world.closing(Origin(stalls))
    yield stalls
    stalls.go_on.set()


def test_stalled_readers_on_either_side_bound_memory(world, kind, stalls):
    """Both directions at once, in two tunnels, so that the minute is spent once."""
    edge = Edge(world, kind, stalls.origin.address)
    user = Client(world, edge)
    user.login()
    down, up = StalledDownload(user), StalledUpload(user)
    growth = watch_memory({"client that is not read": down.child, "client that is not drained": up.child,
                           "edge": edge.child})
    assert up.sender.is_alive(), "the upload was swallowed although it was not read"
    assert stalls.origin.events.empty(), "the download was swallowed although it was not read"
    assert max(growth.values()) <= limits.STALL_GROWTH_BYTES, growth

    stalls.go_on.set()
    down.finish()
    results = [stalls.origin.events.next(limits.TRANSFER_DEADLINE) for _ in range(2)]
    assert "all sent" in results
    assert (stream.digest(STREAM_BYTES, seed=3), STREAM_BYTES) in results
    up.finish()
