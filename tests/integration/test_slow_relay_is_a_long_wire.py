"""The relay that other tests measure round trips with does what it says: delays, counts, ends, and holds nothing back."""

import hashlib
import socket
import subprocess
import threading
import time
from pathlib import Path

import pytest

from support import limits, origin, stream
from support.clients import USAGE
from support.servers import SlowRelay

DELAY_MS = 60
ROUND_TRIP = 2 * DELAY_MS / 1000
# Seconds by which a loaded machine may be late, and still not be taken for a further round trip.
LATE = 0.8 * ROUND_TRIP
# Seconds without a byte taken after which a sender counts as stopped.
STALLED = 3
KEPT_BYTES = 64 * limits.MIB  # kInFlight
PROGRAM_BYTES = 32 * limits.MIB  # what the relay may take beside what it keeps


def most_socket_bytes():
    """What both buffers of two connections may grow to; newer kernels let a receiver's reach 32 MiB."""
    largest = (int(Path("/proc/sys/net/ipv4", name).read_text().split()[2]) for name in ("tcp_rmem", "tcp_wmem"))
    return 2 * sum(largest)


@pytest.fixture
def serve(world):
    def start(function, delay_ms=DELAY_MS):
        target = world.closing(origin.Origin(function))
        return SlowRelay(world, target.address, delay_ms), target
    return start


def dial(relay):
    return socket.create_connection(("127.0.0.1", relay.port), limits.COMMAND_DEADLINE)


def fewest_round_trips(measure, tries=5):
    """The machine can only make it slower, so the best of a few tries is the truth."""
    return min(measure() for _ in range(tries)) / ROUND_TRIP


def test_connect_and_answer_cost_two_round_trips_and_every_further_answer_one(serve):
    relay, _ = serve(origin.echo)

    def first_and_second():
        start = time.monotonic()
        with dial(relay) as client:
            client.sendall(b"1")
            assert client.recv(1) == b"1"
            first = time.monotonic() - start
            again = time.monotonic()
            client.sendall(b"2")
            assert client.recv(1) == b"2"
            return first, time.monotonic() - again

    times = [first_and_second() for _ in range(5)]
    first, second = (min(column) for column in zip(*times))
    assert 2 * ROUND_TRIP <= first < 2 * ROUND_TRIP + LATE, times
    assert ROUND_TRIP <= second < ROUND_TRIP + LATE, times
    assert relay.connections() == 5


def test_bytes_of_a_server_that_speaks_first_take_two_round_trips(serve):
    relay, _ = serve(lambda connection, events: connection.sendall(b"hello"))

    def greeting():
        start = time.monotonic()
        with dial(relay) as client:
            assert client.recv(5) == b"hello"
            return time.monotonic() - start

    assert 2 <= fewest_round_trips(greeting) < 2.8


def test_log_tells_bytes_and_times_at_the_clients_end(serve):
    relay, _ = serve(origin.echo)
    before = time.monotonic()
    with dial(relay) as client:
        client.sendall(b"x" * 1000)
        client.shutdown(socket.SHUT_WR)
        while client.recv(65536):
            pass
        after = time.monotonic()
    close = wait_for_close(relay)
    assert [e["event"] for e in relay.events()] == ["open", "up", "down", "close"]
    assert (close["up"]["bytes"], close["down"]["bytes"]) == (1000, 1000)
    opened, up, down = relay.events("open")[0]["time"], close["up"]["first"], close["down"]["first"]
    # The connect's round trip counts from the accept, however late the client's first bytes are after it.
    assert before <= opened <= up and opened + 2 * ROUND_TRIP <= down <= after, (before, opened, close, after)


def wait_for_close(relay):
    deadline = time.monotonic() + limits.COMMAND_DEADLINE
    while not relay.events("close"):
        assert time.monotonic() < deadline, relay.events()
        threading.Event().wait(0.005)
    return relay.events("close")[0]


def test_large_streams_arrive_whole_and_are_not_held_back(serve):
    """A window of one delay would need minutes for this: nothing but the delay itself is added."""
    total = 64 * limits.MIB

    whole = (stream.digest(total), total)

    def fetch(relay):
        start = time.monotonic()
        with dial(relay) as client:
            assert stream.digest_of(client.recv) == whole
        return time.monotonic() - start

    near, far = serve(origin.source(total), 0)[0], serve(origin.source(total), 100)[0]
    fetch(near)
    # By turns, and the best of each: what else the machine does meanwhile slows one of them down at times.
    tries = [(fetch(near), fetch(far)) for _ in range(3)]
    quickest_near, quickest_far = (min(column) for column in zip(*tries))
    assert quickest_far < 3 * quickest_near + 6 * 0.2, tries


def test_each_direction_ends_by_itself(serve):
    relay, target = serve(origin.answer_after_eof(1000))
    with dial(relay) as client:
        client.sendall(b"question")
        client.shutdown(socket.SHUT_WR)
        assert stream.digest_of(client.recv) == (stream.digest(1000), 1000)
    assert target.events.next() == (hashlib.blake2b(b"question").hexdigest(), 8)


def test_a_closed_port_is_a_reset_and_not_an_end(world):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        relay = SlowRelay(world, "127.0.0.1:%d" % taken.getsockname()[1], 1)
        with dial(relay) as client, pytest.raises(ConnectionResetError):
            client.recv(1)


@pytest.mark.skipif(limits.SANITIZED, reason="the sanitizers shadow all memory")
def test_reader_that_stalls_stops_the_sender(serve):
    release = threading.Event()

    def stall(connection, events):
        release.wait(limits.COMMAND_DEADLINE)

    relay, _ = serve(stall)
    try:
        with dial(relay) as client:
            client.settimeout(STALLED)
            sent = 0
            with pytest.raises(TimeoutError):
                while sent <= KEPT_BYTES + most_socket_bytes():
                    sent += client.send(b"\0" * limits.MIB)
            assert sent > KEPT_BYTES
        assert relay.child.resident_bytes() < KEPT_BYTES + PROGRAM_BYTES
    finally:
        release.set()


@pytest.mark.parametrize("args", [[], ["--to", "localhost:1"], ["--to", "127.0.0.1:1", "--delay-ms", "-1"]])
def test_bad_command_line_is_refused(args):
    done = subprocess.run([limits.BUILD / "bench/slow_relay", *args], capture_output=True, timeout=limits.COMMAND_DEADLINE)
    assert done.returncode == USAGE and done.stderr and not done.stdout
