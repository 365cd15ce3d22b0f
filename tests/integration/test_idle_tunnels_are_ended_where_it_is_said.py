"""`idle_limit`: a tunnel through which nothing moves for so long is ended, with that reason; pings do not keep it, bytes in
either direction do."""

import datetime
import re
import time

import pytest

from support import world as worlds
from support.clients import Client, REFUSED
from support.configured_edge import ConfiguredEdge
from support.origin import Origin

POLICIES = [{"name": "all", "decision": "allow", "include": [{"email": worlds.EMAIL}]}]
SECONDS = 5
PACE = 0.2  # seconds between bytes
REASON = f"idle for {SECONDS}s"


def echo_and_note(connection, events):
    while data := connection.recv(65536):
        events.put(time.time())
        connection.sendall(data)


def speak_and_note(connection, events):
    """Sends a byte now and then, for longer than the limit, and reads none."""
    until = time.monotonic() + SECONDS + 2
    while time.monotonic() < until:
        connection.sendall(b".")
        events.put(time.time())
        time.sleep(PACE)
    while connection.recv(65536):
        pass


def start(world, serve, *options):
    origin = world.closing(Origin(serve))
    edge = ConfiguredEdge(world, origin.address, POLICIES, more_app={"idle_limit": f"{SECONDS}s"})
    client = Client(world, edge)
    client.login()
    child = client.start("access", "ssh", "--hostname", edge.host(), *options)
    return origin, edge, child


def assert_ended_idle(origin, edge, child):
    assert child.wait() == REFUSED, child.stderr.text
    assert re.search(rf"^cfpipe: tunnel: the edge ended the session: {REASON}; ", child.stderr.text, re.MULTILINE), \
        child.stderr.text
    close = edge.wait_for_audit("tunnel_close")
    assert close["reason"] == REASON
    last = origin.events.next()
    while not origin.events.empty():
        last = origin.events.next()
    ended = datetime.datetime.fromisoformat(close["time"].replace("Z", "+00:00")).timestamp()
    assert ended + 1 - last >= SECONDS, "the audit's times are whole seconds"


@pytest.mark.parametrize("transport", ["h1", "h2"])
def test_a_tunnel_ends_when_it_was_idle_for_so_long(world, transport):
    origin, edge, child = start(world, echo_and_note, "--transport", transport, "--ping-interval", "1")
    until = time.monotonic() + SECONDS + 2
    while time.monotonic() < until:
        child.process.stdin.write(b"x")
        child.process.stdin.flush()
        assert child.process.stdout.read(1) == b"x", child.stderr.text
        time.sleep(PACE)
    assert_ended_idle(origin, edge, child)


def test_bytes_of_one_direction_are_enough(world):
    origin, edge, child = start(world, speak_and_note)
    assert len(child.process.stdout.read()) > SECONDS
    assert_ended_idle(origin, edge, child)
