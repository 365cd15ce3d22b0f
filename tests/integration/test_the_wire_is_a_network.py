"""The wire that other tests and benchmarks stand on does what it is asked: it delays, loses, limits, swallows, and forgets."""

import socket
import subprocess
import threading
import time

import pytest

from support import limits, stream
from support.clients import UNAVAILABLE, USAGE
from support.network import Network
from support.origin import Origin, echo, source

DELAY_MS = 60
ROUND_TRIP = 2 * DELAY_MS / 1000
# Seconds by which a loaded machine may be late.
LATE = 0.8 * ROUND_TRIP
# Seconds in which nothing arrives where nothing may.
SILENCE = 1
LOSS = 0.1
RATE_MBIT = 40


@pytest.fixture
def network(world):
    return Network(world)


def serve(world, network, function):
    with network.server.entered():
        return world.closing(Origin(function, at=(network.address, 0)))


def dial(network, origin):
    host, port = origin.address.split(":")
    with network.client.entered():
        return socket.create_connection((host, int(port)), limits.COMMAND_DEADLINE)


def answers(connection, text=b"x"):
    connection.sendall(text)
    return connection.recv(len(text)) == text


def test_what_a_round_trip_takes_is_twice_the_delay(world, network):
    origin = serve(world, network, echo)
    network.delay(DELAY_MS)

    def both():
        start = time.monotonic()
        with dial(network, origin) as connection:
            connected = time.monotonic()
            assert answers(connection)
            return connected - start, time.monotonic() - connected

    times = [both() for _ in range(5)]
    for best in (min(column) for column in zip(*times)):
        assert ROUND_TRIP <= best < ROUND_TRIP + LATE, times


@pytest.mark.parametrize("options", [(), ("--offload",)], ids=["packets", "offload"])
def test_streams_are_whole_and_quick(world, options):
    network = Network(world, *options)
    total = 32 * limits.MIB
    origin = serve(world, network, source(total))
    network.delay(DELAY_MS)
    start = time.monotonic()
    with dial(network, origin) as connection:
        assert stream.digest_of(connection.recv) == (stream.digest(total), total)
    assert time.monotonic() - start < 10  # a window of 64 KiB would take a minute
    counts = network.stats()
    assert counts["back"]["lost"] == counts["back"]["no_room"] == 0, counts


def test_its_share_is_lost_and_tcp_makes_up_for_it(world, network):
    network.loss(LOSS)
    total = 4 * limits.MIB
    origin = serve(world, network, source(total))
    with dial(network, origin) as connection:
        assert stream.digest_of(connection.recv) == (stream.digest(total), total)
    back = network.stats()["back"]
    assert 0.5 * LOSS < back["lost"] / back["taken"] < 2 * LOSS, back


def test_a_rate_is_kept(world, network):
    network.rate(RATE_MBIT)
    total = 4 * limits.MIB
    origin = serve(world, network, source(total))
    start = time.monotonic()
    with dial(network, origin) as connection:
        assert stream.digest_of(connection.recv) == (stream.digest(total), total)
    at_least = total * 8 / (RATE_MBIT * 1e6)
    assert at_least < time.monotonic() - start < 3 * at_least


@pytest.mark.parametrize("direction", ["forth", "back", "both"])
def test_a_hole_swallows_its_direction_until_it_heals(world, network, direction):
    came = threading.Event()

    def serve_and_tell(connection, events):
        while data := connection.recv(65536):
            if data == b"during":
                came.set()
            connection.sendall(data)

    origin = serve(world, network, serve_and_tell)
    with dial(network, origin) as connection:
        assert answers(connection, b"before")
        network.black_hole(direction)
        connection.sendall(b"during")
        connection.settimeout(SILENCE)
        with pytest.raises(TimeoutError):
            connection.recv(6)
        assert came.is_set() == (direction == "back")
        network.heal()
        connection.settimeout(limits.COMMAND_DEADLINE)
        assert connection.recv(6) == b"during"


def test_old_connections_are_forgotten_and_new_ones_are_not(world, network):
    origin = serve(world, network, echo)
    with dial(network, origin) as old:
        assert answers(old)
        network.forget_connections()
        with dial(network, origin) as new:
            assert answers(new)
            old.sendall(b"x")
            old.settimeout(SILENCE)
            with pytest.raises(TimeoutError):
                old.recv(1)
            assert answers(new)


def test_a_client_that_moves_has_another_address(world, network):
    peers = []

    def tell(connection, events):
        peers.append(connection.getpeername()[0])
        connection.sendall(b"x")

    origin = serve(world, network, tell)
    for _ in range(2):
        with dial(network, origin) as connection:
            assert connection.recv(1) == b"x"
        network.move()
    assert peers == ["198.18.1.1", "198.18.1.2"]


@pytest.mark.parametrize("command", ["delay", "delay -1", "delay x", "loss 2", "hole", "hole up", "walk", ""])
def test_a_bad_command_is_refused_and_changes_nothing(network, command):
    with pytest.raises(AssertionError, match="refused: "):
        network.ask(*command.split(" "))
    network.delay(0)


def test_it_ends_with_its_input(network):
    network.wire.process.stdin.close()
    assert network.wire.wait() == 0


@pytest.mark.parametrize("args, status, says", [([], USAGE, "required"),
                                                (["none-of-this-name", "nor-of-this"], UNAVAILABLE, "ip netns add")])
def test_it_says_what_is_wrong(args, status, says):
    done = subprocess.run([limits.BUILD / "bench/wire", *args], capture_output=True, text=True, timeout=limits.COMMAND_DEADLINE)
    assert (done.returncode, done.stdout) == (status, "") and says in done.stderr
