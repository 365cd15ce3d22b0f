"""What a web page in the person's browser sends to a port of this machine arrives; not so at a port that browsers refuse (the Fetch
standard, "bad port"), which docs/SECURITY.md recommends for listeners."""

import socket

import pytest

from support import limits
from support.clients import Client
from support.configured_edge import ConfiguredEdge
from support.listener import Listener
from support.origin import Origin
from support.playwright import play
from support.scripted_provider import ScriptedProvider

POLICIES = [{"name": "all", "decision": "allow", "include": [{"email_domain": "example.com"}]}]
# Of the standard's list, those that need no privilege and are rarely taken.
BLOCKED_PORTS = (6665, 6666, 6667, 6668, 6669, 6697)
LINE = "a command of the page's choice"


def blocked_listener(client):
    for port in BLOCKED_PORTS:
        with socket.socket() as tried:
            if tried.connect_ex(("127.0.0.1", port)) != 0:
                return Listener(client, f"127.0.0.1:{port}")
    pytest.skip("all of these ports are taken here")


def test_a_page(world):
    arrived = []

    def record(connection, events):
        got = bytearray()
        arrived.append(got)
        while data := connection.recv(4096):
            got += data
            if LINE.encode() in got:
                connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
    edge = ConfiguredEdge(world, world.closing(Origin(record)).address, POLICIES)
    client = Client(world, edge)
    client.run("access", "login", edge.url()).ok()
    usual, blocked = Listener(client), blocked_listener(client)
    page = ScriptedProvider(world)  # whose answers have no policy of what a page may do
    play(world, edge, "listener.mjs", {"page": f"{page.issuer}/keys", "usual": usual.port, "blocked": blocked.port, "line": LINE},
         arrived=lambda: [data.decode(errors="replace") for data in arrived])
    with socket.create_connection(("127.0.0.1", blocked.port), timeout=limits.COMMAND_DEADLINE) as program:
        program.sendall(LINE.encode())
        assert program.recv(4096).startswith(b"HTTP/1.1 200"), "a program reaches it"
