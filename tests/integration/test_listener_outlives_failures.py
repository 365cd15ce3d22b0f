"""Listener mode: what goes wrong with one connection is one line, and the end of that connection only."""


import pytest

from support import stream, tokens
from support.clients import ERROR_LINE, Client
from support.edges import Edge
from support.listener import Listener, first_line, read_all, read_until_broken
from support.origin import Origin, echo, source

CUT_AFTER_BYTES = 1_000_000


def failures(listener):
    return [line for line in listener.child.stderr.text.splitlines() if ERROR_LINE.fullmatch(line)]


def assert_breaks(connection):
    with pytest.raises(ConnectionResetError):
        read_all(connection)
    connection.close()


def test_an_edge_that_is_away_costs_only_the_connections_of_that_time(user):
    listener = Listener(user)
    with listener.connect() as connection:
        assert first_line(connection).startswith("SSH-2.0-")
    user.edge.stop()
    for _ in range(2):
        assert_breaks(listener.connect())
    user.edge.start_again()
    with listener.connect() as connection:
        assert first_line(connection).startswith("SSH-2.0-")
    assert listener.stop() == 0
    # The first tunnel may still have been saying goodbye to the edge that went: that is a line of its own.
    assert [line.split(";")[0] for line in failures(listener) if " tunnel: " not in line] == [
        f"cfpipe: tcp: the connection was refused: {user.edge.host()} at 127.0.0.1:{user.edge.port}"] * 2


def test_an_edge_that_refuses_is_named_for_each_connection(misbehaving):
    listener = Listener(misbehaving("upgrade-status=503"))
    for _ in range(3):
        assert_breaks(listener.connect())
    assert listener.stop() == 0
    assert len(failures(listener)) == 3
    assert all("the edge cannot reach the origin" in line for line in failures(listener))


def test_a_tunnel_that_is_cut_is_no_end_and_costs_nothing_before_it(world):
    origin = world.closing(Origin(source(10 * CUT_AFTER_BYTES)))
    client = Client(world, Edge(world, "mock", origin.address, faults=[f"cut-after={CUT_AFTER_BYTES}"]))
    client.login()
    listener = Listener(client)
    for _ in range(2):
        with listener.connect() as connection:
            assert read_until_broken(connection) == next(stream.blocks(CUT_AFTER_BYTES))
    assert listener.stop() == 0
    assert [line.split(";")[0] for line in failures(listener)] == ["cfpipe: tunnel: the connection was lost"] * 2


def test_a_client_that_leaves_is_no_failure(world, kind):
    origin = world.closing(Origin(echo))
    client = Client(world, Edge(world, kind, origin.address))
    client.login()
    listener = Listener(client)
    for _ in range(5):
        with listener.connect() as connection:
            connection.sendall(b"hello\n")
            assert first_line(connection) == "hello\n"
    assert listener.stop() == 0
    assert failures(listener) == []


def test_an_expired_token_is_renewed_at_the_next_connection(user):
    listener = Listener(user)
    with listener.connect() as connection:
        assert first_line(connection).startswith("SSH-2.0-")
    path = user.token_file()
    path.write_text(tokens.with_claims(path.read_text(), exp=1_000_000_000))
    with listener.connect() as connection:
        assert first_line(connection).startswith("SSH-2.0-")
    assert listener.stop() == 0
    assert tokens.claims(path.read_text())["exp"] > 1_000_000_000


def test_refused_tokens_are_renewed_once_for_all(user):
    path = user.token_file()
    path.write_text(tokens.with_other_signature(user.token()))  # which the edge alone can tell
    before = path.read_text()
    listener = Listener(user)
    connections = [listener.connect() for _ in range(5)]
    for connection in connections:
        with connection:
            assert first_line(connection).startswith("SSH-2.0-")
    assert listener.stop() == 0
    assert failures(listener) == []
    assert path.read_text() != before
