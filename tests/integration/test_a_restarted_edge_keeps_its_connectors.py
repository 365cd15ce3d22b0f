"""Restarts of the edge, with and without a process in front of it: sessions through a connector go on, and the connector serves the
next process at once."""

import pathlib
import signal
import socket
import struct
import time

import pytest

from support import limits
from support.clients import Client, Ssh
from support.connectors import Connector, edge_for, listed
from support.process import wait_until, wait_until_gone
from support.sessions import opened
from support.supervised import Supervised

# From a tunnel's start to sshd's first line, while one process of the edge comes and another one goes.
AT_ONCE_SECONDS = 10 if limits.SANITIZED else 2
BACK_SECONDS = 15 if limits.SANITIZED else 3
REPLACED, DURING = 3, 5
# After so many failures in a row the pause between attempts is the longest of an outage that is young.
FAILURES, LINKS = 5, 2


def users_of(world, edge, sshd):
    sshd.trust(edge.ssh_ca())
    client = Client(world, edge)
    client.login()
    return client, Ssh(client, "match")


def test_the_successor_has_the_connector(world, sshd):
    supervised = Supervised(world, sshd.address, more_app={"connector": "office"})
    edge = supervised.edge
    client, ssh = users_of(world, edge, sshd)
    connector = Connector(world, edge, [sshd.address])
    sessions, serving = [], []
    for _ in range(REPLACED):
        sessions.append(opened(ssh))
        serving.append(next(iter(children(edge) - set(serving))))
        supervised.replace()
        for _ in range(DURING):
            begun = time.monotonic()
            assert client.banner().startswith("SSH-2.0-")
            assert time.monotonic() - begun < AT_ONCE_SECONDS
        assert all(session.answers() for session in sessions)
    assert ssh.run("echo after").ok().stdout == "after\n"
    assert connector.attached() >= 2 * REPLACED
    for session, process in zip(sessions, serving):
        assert session.end() == 0, session.stderr.text
        assert wait_until_gone(process, limits.GOODBYE_DEADLINE)
    wait_until(lambda: listed(edge) == {"office": [(2, 0)]}, "it is attached to the last one alone")


def children(edge):
    """Of the process in front."""
    return {int(pid) for pid in pathlib.Path(f"/proc/{edge.child.pid}/task/{edge.child.pid}/children").read_text().split()}


@pytest.fixture
def edge(world, sshd):
    return edge_for(world, sshd.address)


@pytest.fixture
def connector(world, sshd, edge):
    return Connector(world, edge, [sshd.address])


def start_again(edge, connector):
    """The edge serves anew, and how soon the connector has attached to it, in seconds."""
    edge.start_again()
    begun = time.monotonic()
    wait_until(lambda: connector.attached() > 0, "the connector has attached")
    return time.monotonic() - begun


def test_an_edge_that_drains_keeps_its_sessions_and_the_next_has_the_connector(world, sshd, edge, connector):
    client, ssh = users_of(world, edge, sshd)
    session, first = opened(ssh), edge.child
    first.process.send_signal(signal.SIGTERM)
    first.stderr.wait_for("1 tunnels may go on for 30 s")
    assert start_again(edge, connector) < BACK_SECONDS
    assert ssh.run("echo anew").ok().stdout == "anew\n"
    assert session.answers() and session.end() == 0, session.stderr.text
    assert first.wait() == 0, first.stderr.text
    wait_until(lambda: listed(edge) == {"office": [(2, 0)]}, "it is attached to the next one alone")


def test_after_many_failures_it_is_back_as_soon(world, sshd, edge, connector):
    """What answers at the edge's port meanwhile hangs up."""
    client, ssh = users_of(world, edge, sshd)
    session = opened(ssh)
    edge.child.kill()
    assert session.end() != 0
    with socket.create_server(("127.0.0.1", edge.port)) as listener:
        for _ in range(FAILURES * LINKS):
            taken, _ = listener.accept()
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            taken.close()
    assert start_again(edge, connector) < BACK_SECONDS
    assert client.banner().startswith("SSH-2.0-")
    wait_until(lambda: listed(edge) == {"office": [(2, 0)]}, "with both of its connections")
