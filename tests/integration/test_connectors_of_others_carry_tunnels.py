"""Tunnels through a connector that shares no code with the edge (python-h2), and through some that break the rules."""

import threading

import h2.errors
import h2.events
import pytest

from support import limits, stream
from support.clients import Client, LOST, UNAVAILABLE, assert_fails
from support.connectors import edge_for
from support.foreign_connector import Link, ManyConnectors, echo, enrolled
from support.process import wait_until

# More than a stream's first window, and than what pipes, relays and kernels hold.
STALL_BYTES = 256 * limits.MIB
KIB_EACH = 60
# Two windows of 24 MiB, to which those of two tunnels may have grown, and buffers on the way.
HELD_BYTES = (2 * 24 + 32) * limits.MIB
# RFC 9113 6.8: the last stream that is served is the first.
GOAWAY = bytes([0, 0, 8, 7, 0, 0, 0, 0, 0]) + (1).to_bytes(4, "big") + bytes(4)


@pytest.fixture
def edge(world, nobody_listens):
    return edge_for(world, f"127.0.0.1:{nobody_listens}")


@pytest.fixture
def connector(world, edge):
    return enrolled(world, edge)


@pytest.fixture
def client(world, edge):
    client = Client(world, edge)
    client.login()
    return client


def refuse(status, fault):
    def serve(tunnel, event):
        if isinstance(event, h2.events.RequestReceived):
            tunnel.link.answer(tunnel, status, ends=True, cfpipe_fault=fault)
    return serve


def test_bytes_and_both_ends_pass(connector, client, edge, nobody_listens):
    link = Link(connector, echo)
    assert client.tunnel(input=b"hello").ok().output == b"hello"
    [tunnel] = link.tunnels.values()
    assert tunnel.headers[":method"] == "CONNECT" and tunnel.headers[":authority"] == f"127.0.0.1:{nobody_listens}"
    assert tunnel.headers["cfpipe-subject"] == edge.email and tunnel.headers["cfpipe-client"] == "127.0.0.1"
    assert ":path" not in tunnel.headers and ":scheme" not in tunnel.headers  # RFC 9113 8.5
    large = b"".join(stream.blocks(20 * limits.MIB))
    assert client.tunnel(input=large).ok().output == large


def test_an_origin_that_answers_after_the_end_is_heard(connector, client):
    def answer_after_the_end(tunnel, event):
        if isinstance(event, h2.events.RequestReceived):
            tunnel.link.answer(tunnel)
        elif isinstance(event, h2.events.StreamEnded):
            tunnel.link.send(tunnel, b"%d bytes" % len(tunnel.received), ends=True)
    Link(connector, answer_after_the_end)
    assert client.tunnel(input=b"x" * 1000).ok().output == b"1000 bytes"


@pytest.mark.parametrize("status, fault, says", [
    (502, "refused", "it refused the connection"), (403, "not-allowed", "the connector's list of origins does not name it"),
    (502, "timed-out", "it does not answer"), (418, "\x7f", "it cannot be reached from there"),
], ids=["refused", "not-allowed", "timed-out", "unknown"])
def test_faults_are_told_to_the_user(connector, client, status, fault, says):
    Link(connector, refuse(status, fault if fault.isprintable() else "what"))
    assert_fails(client.tunnel(), UNAVAILABLE, "upgrade", says)


def test_what_the_connector_resets_is_lost_and_not_ended(connector, client):
    def break_off(tunnel, event):
        if isinstance(event, h2.events.RequestReceived):
            tunnel.link.answer(tunnel)
            tunnel.link.send(tunnel, b"half an ans")
        elif isinstance(event, h2.events.DataReceived):
            tunnel.link.h2.reset_stream(tunnel.number, h2.errors.ErrorCodes.CANCEL)
    Link(connector, break_off)
    broken = client.tunnel(input=b"?")
    assert broken.output == b"half an ans" and broken.status == LOST, broken


def test_a_connector_that_says_goodbye_keeps_what_it_carries(connector, client):
    first = Link(connector, echo)
    child = client.start("access", "ssh", "--hostname", client.edge.host())
    child.process.stdin.write(b"one\n")
    child.process.stdin.flush()
    assert child.process.stdout.readline() == b"one\n"
    Link(connector, echo)
    first.write(GOAWAY)
    for _ in range(3):
        assert client.tunnel(input=b"two").ok().output == b"two"
    assert len(first.tunnels) == 1
    child.process.stdin.write(b"still\n")
    child.process.stdin.flush()
    assert child.process.stdout.readline() == b"still\n"
    child.process.stdin.close()
    with child.process.stdout as output:
        assert output.read() == b""
    assert child.wait() == 0


@pytest.mark.parametrize("garbage", [b"HTTP/1.1 200 OK\r\n\r\n" * 10, b"\0" * 4096, bytes(range(256)) * 64],
                         ids=["http1", "zeros", "all-bytes"])
def test_garbage_ends_the_connection_and_nothing_else(connector, client, edge, garbage):
    link = Link(connector, echo)
    link.write(garbage)
    assert link.over.wait(limits.READY_DEADLINE)
    edge.child.stderr.wait_for("has left: .")
    Link(connector, echo)
    assert client.tunnel(input=b"still there").ok().output == b"still there"


def test_frames_that_carry_nothing_have_a_price(connector, edge):
    link = Link(connector, echo)
    ping = bytes([0, 0, 8, 6, 0, 0, 0, 0, 0]) + bytes(8)
    for _ in range(10):
        link.write(ping * 1000)
    assert link.over.wait(limits.READY_DEADLINE)
    # By our budget, or by nghttp2's for what waits to be answered.
    edge.child.stderr.wait_for("has left: (too many frames that carry nothing|Flooding was detected)")


def test_a_user_who_does_not_read_stops_no_other_tunnel(connector, client):
    """And what the edge holds for them is bounded: the connector cannot send more than the stream's window."""
    def flood(tunnel, event):
        if isinstance(event, h2.events.RequestReceived):
            tunnel.link.answer(tunnel)
            tunnel.link.send(tunnel, bytes(STALL_BYTES))
        elif not isinstance(event, h2.events.StreamReset):
            echo(tunnel, event)

    served = []

    def first_floods(tunnel, event):
        if tunnel not in served:
            served.append(tunnel)
        (flood if tunnel is served[0] else echo)(tunnel, event)
    link = Link(connector, first_floods)
    before = client.edge.child.resident_bytes()
    stalled = client.start("access", "ssh", "--hostname", client.edge.host())
    assert stalled.process.stdout.read(1) == b"\0"
    large = b"".join(stream.blocks(8 * limits.MIB))
    for _ in range(3):
        assert client.tunnel(input=large).ok().output == large
    assert len(served[0].waiting) > STALL_BYTES / 2
    if not limits.SANITIZED:
        assert client.edge.child.resident_bytes() < before + HELD_BYTES
    stalled.kill()
    stalled.process.stdout.close()
    assert not link.over.is_set()


def test_a_connector_that_does_not_read_stops_the_user(connector, client):
    def never_read(tunnel, event):
        if isinstance(event, h2.events.RequestReceived):
            tunnel.link.answer(tunnel)
    link = Link(connector, never_read, window=65535)
    child = client.start("access", "ssh", "--hostname", client.edge.host())
    stopped = threading.Event()

    def send():
        try:
            for block in stream.blocks(STALL_BYTES):
                stream.write_all(child.process.stdin.fileno(), block)
        except OSError:
            stopped.set()
    sender = threading.Thread(target=send, daemon=True)
    sender.start()
    wait_until(lambda: [len(t.received) for t in link.tunnels.values()] == [65535], "the window is full")
    assert not stopped.is_set()
    child.kill()
    sender.join(limits.READY_DEADLINE)
    assert stopped.is_set()
    child.process.stdout.close()


@pytest.mark.skipif(limits.SANITIZED, reason="the sanitizers shadow all memory")
def test_an_idle_connector_takes_little_memory(world, edge):
    edge.change(lambda config: config.update(limits={"connections_per_address": "none"}))
    edge.reload()
    many = ManyConnectors(world, edge, 320)
    assert many.bytes_each < KIB_EACH * 1024, many.bytes_each
