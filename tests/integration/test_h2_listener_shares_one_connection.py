"""Listener mode over HTTP/2, against a peer that is not ours: tunnels are streams of one connection while that works."""

import socket
import threading

import pytest

from support import limits, stream
from support.clients import ERROR_LINE
from support.h2 import H2Peer
from support.listener import first_line, read_all, read_until_broken
from support.origin import Origin, echo, source

CONNECTIONS = 20
BYTES = 2 * limits.MIB
RESET_AFTER_BYTES = 1_000_000
# More than all windows and socket buffers on the way take.
FLOOD_BYTES = 32 * limits.MIB


@pytest.fixture
def peer(world):
    def start(*faults, serve=echo):
        return H2Peer(world, world.closing(Origin(serve)).address, *faults)
    return start


def hello(listener, text):
    connection = listener.connect()
    connection.sendall(f"{text}\n".encode())
    assert first_line(connection) == f"{text}\n", listener.child.stderr.text
    return connection


def hang_up(connections):
    """All at once: the peer knows no half-close, so each end is waited for."""
    for connection in connections:
        connection.shutdown(socket.SHUT_WR)
    for connection in connections:
        assert read_all(connection) == b""
        connection.close()


def failures(listener):
    return [line for line in listener.child.stderr.text.splitlines() if ERROR_LINE.fullmatch(line)]


def assert_quiet_end(listener):
    assert listener.stop() == 0
    assert failures(listener) == []


def test_twenty_tunnels_on_one_connection(peer):
    peer = peer()
    listener = peer.listener()
    connections = [hello(listener, number) for number in range(CONNECTIONS)]
    assert peer.protocols() == ["h2"]
    assert peer.requests() == [(1, 200)] * CONNECTIONS
    hang_up(connections)
    assert_quiet_end(listener)


@pytest.mark.parametrize("fault,protocols", [(None, ["h2"]), ("http1-only", ["http/1.1"]),
                                             ("no-connect-protocol", ["h2", "http/1.1"])])
def test_a_tunnel_over_standard_streams_takes_it_when_told_to(peer, fault, protocols):
    """Otherwise it takes HTTP/1.1; where the edge does not offer what was asked for, too."""
    peer = peer(*([fault] if fault else []))
    assert peer.client.run("access", "ssh", "--hostname", peer.edge.host(), *peer.way, "--transport", "h2",
                           input=b"hello\n").ok().output == b"hello\n"
    assert peer.protocols() == protocols
    assert peer.client.run("access", "ssh", "--hostname", peer.edge.host(), *peer.way, input=b"hi\n").ok().output == b"hi\n"
    assert peer.protocols() == [*protocols, "http/1.1"]


def test_bulk_arrives_whole_in_both_directions(peer):
    listener = peer().listener()
    sent = b"".join(stream.blocks(BYTES))
    with listener.connect() as connection:
        writer = threading.Thread(target=lambda: (connection.sendall(sent), connection.shutdown(socket.SHUT_WR)))
        writer.start()
        assert stream.digest_of(connection.recv) == (stream.digest(BYTES), BYTES)
        writer.join()
    assert_quiet_end(listener)


def test_a_goaway_moves_new_tunnels_to_a_new_connection_and_keeps_the_old(peer):
    peer = peer("goaway-after=2")
    listener = peer.listener()
    connections = [hello(listener, number) for number in range(5)]
    assert [connection for connection, _ in peer.requests()] == [1, 1, 2, 2, 3]
    for number, connection in enumerate(connections):  # the first ones still work
        connection.sendall(b"again %d\n" % number)
        assert first_line(connection) == f"again {number}\n"
    hang_up(connections)
    assert_quiet_end(listener)


def test_transport_h1_gives_each_tunnel_a_connection_of_its_own(peer):
    peer = peer()
    listener = peer.listener("--transport", "h1")
    connections = [hello(listener, number) for number in range(3)]
    assert peer.protocols() == ["http/1.1"] * 3
    hang_up(connections)
    assert_quiet_end(listener)


def test_a_refused_stream_is_tried_again_unseen(peer):
    peer = peer("refuse=1")
    listener = peer.listener()
    hang_up([hello(listener, "hello")])
    assert [verdict for _, verdict in peer.requests()] == ["refuse", 200]
    assert_quiet_end(listener)


def test_one_stream_at_a_time_means_more_connections(peer):
    peer = peer("max-streams=1")
    listener = peer.listener()
    connections = [hello(listener, number) for number in range(3)]
    assert [connection for connection, _ in peer.requests()] == [1, 2, 3]
    hang_up(connections)
    assert_quiet_end(listener)


def test_tiny_windows_are_slow_and_lose_nothing(peer):
    listener = peer("window=1024").listener()
    sent = next(stream.blocks(64 * 1024))
    with listener.connect() as connection:
        connection.sendall(sent)
        connection.shutdown(socket.SHUT_WR)
        assert read_all(connection) == sent
    assert_quiet_end(listener)


@pytest.mark.parametrize("fault,protocols", [("http1-only", {"http/1.1"}), ("no-connect-protocol", {"h2", "http/1.1"})])
def test_an_edge_without_it_is_served_by_http1(peer, fault, protocols):
    peer = peer(fault)
    listener = peer.listener()
    hang_up([hello(listener, number) for number in range(3)])
    assert set(peer.protocols()) == protocols
    assert peer.protocols().count("h2") == (1 if "h2" in protocols else 0)  # it is not asked twice
    assert_quiet_end(listener)


def test_a_reset_stream_ends_its_own_tunnel_only(peer):
    peer = peer(f"reset-after={RESET_AFTER_BYTES}", serve=source(BYTES))
    listener = peer.listener()
    for _ in range(2):
        with listener.connect() as connection:
            assert read_until_broken(connection) == next(stream.blocks(RESET_AFTER_BYTES))
    assert peer.protocols() == ["h2"]
    assert listener.stop() == 0
    assert [line.split(";")[0] for line in failures(listener)] == ["cfpipe: tunnel: the connection was lost"] * 2


def test_a_redirect_to_the_login_renews_the_token(peer):
    peer = peer("login=1")
    before = peer.client.token_file().read_text()
    listener = peer.listener()
    hang_up([hello(listener, "hello")])
    assert [verdict for _, verdict in peer.requests()] == [302, 200]
    assert peer.client.token_file().read_text() != before
    assert_quiet_end(listener)


def test_a_refusal_is_named_for_each_connection(peer):
    peer = peer("status=403")
    listener = peer.listener()
    for _ in range(2):
        with listener.connect() as connection, pytest.raises(ConnectionResetError):
            read_all(connection)
    assert peer.requests() == [(1, 403)] * 2
    assert listener.stop() == 0
    assert len(failures(listener)) == 2
    assert all(line.startswith("cfpipe: upgrade: the edge refused access") for line in failures(listener))


def test_a_window_that_is_never_updated_stops_its_own_stream_only(peer):
    peer = peer("no-updates")
    listener = peer.listener()
    stalled = listener.connect()

    def send():
        with pytest.raises(OSError):
            for block in stream.blocks(FLOOD_BYTES):
                stalled.sendall(block)
    sender = threading.Thread(target=send)
    sender.start()
    peer.child.stderr.wait_for("^window spent: stream 1$")
    hang_up([hello(listener, number) for number in range(3)])
    assert sender.is_alive()
    assert peer.protocols() == ["h2"]
    assert listener.stop() == 0
    sender.join(limits.GOODBYE_DEADLINE)
    assert not sender.is_alive()
    stalled.close()


def test_a_reader_that_stalls_stops_its_own_stream_only(peer, world):
    origin = world.closing(Origin(source(FLOOD_BYTES)))
    peer = H2Peer(world, origin.address)
    listener = peer.listener()
    stalled = listener.connect()
    assert len(stalled.recv(1)) == 1
    with listener.connect() as connection:
        assert stream.digest_of(connection.recv) == (stream.digest(FLOOD_BYTES), FLOOD_BYTES)
    assert origin.events.next() == ("sent", FLOOD_BYTES)
    assert origin.events.empty()  # the other is still being sent
    assert peer.protocols() == ["h2"]
    stalled.close()
    assert listener.stop() == 0
