"""Listener mode with few descriptors: connections wait until one of the others ends, and none is reset."""

import socket

import pytest

from support import limits
from support.clients import CFPIPE, Client
from support.edges import Edge
from support.origin import Origin, echo

pytestmark = pytest.mark.parametrize("kind", ["own"], indirect=True)
CONNECTIONS = 40


class ScarceListener:
    """`access tcp --url` with a limit of open files."""

    def __init__(self, user, descriptors, transport):
        argv = ["/usr/bin/prlimit", f"--nofile={descriptors}", "--", CFPIPE, "access", "tcp", "--hostname", user.edge.host(),
                "--url", "127.0.0.1:0", "--transport", transport]
        self.child = user.world.start(argv, user.env)
        self.port = int(self.child.stderr.wait_for(r"listening on 127\.0\.0\.1:(\d+)$").group(1))

    def connect(self):
        connection = socket.create_connection(("127.0.0.1", self.port))
        connection.settimeout(limits.COMMAND_DEADLINE)
        return connection


def assert_echoes(connection, text):
    connection.sendall(text)
    received = b""
    while len(received) < len(text):
        data = connection.recv(len(text))
        assert data, "it ended"
        received += data
    assert received == text


@pytest.mark.parametrize("descriptors,transport", [(20, "h1"), (40, "h1"), (64, "h1"), (20, "h2")])
def test_connections_wait_for_descriptors(world, kind, descriptors, transport):
    user = Client(world, Edge(world, kind, world.closing(Origin(echo)).address))
    user.login()
    listener = ScarceListener(user, descriptors, transport)
    connections = [listener.connect() for _ in range(CONNECTIONS)]
    for number, connection in enumerate(connections):
        # Those before it have gone: it has its turn, whatever had to wait.
        assert_echoes(connection, b"connection %d\n" % number)
        connection.close()
    assert listener.child.stop() == 0
    assert "cfpipe: tcp:" not in listener.child.stderr.text, listener.child.stderr.text
