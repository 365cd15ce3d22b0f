"""What stands in front of an edge: real programs, with the lines that docs/BALANCERS.md has for them."""

import socket

from support import limits
from support.configured_edge import ConfiguredEdge
from support.edges import AUTH_HOST, HOST
from support.page import Section

PAGE = "docs/BALANCERS.md"
# Where the program in front connects from.
ADDRESS = "127.0.0.9"


def held_port(world):
    """A port of 127.0.0.1 that no other program is given, and that one which asks for it can listen on."""
    held = world.closing(socket.socket())
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    return held.getsockname()[1]


def replaced(text, *pairs):
    for old, new in pairs:
        assert old in text, (old, text)
        text = text.replace(old, new)
    return text


def wait_until_it_listens(child, port):
    """These programs say nothing when they are ready."""
    while child.process.poll() is None:
        try:
            return socket.create_connection(("127.0.0.1", port), limits.READY_DEADLINE).close()
        except ConnectionRefusedError:
            continue
    raise AssertionError(child.stderr.text)


class EdgeBehind(ConfiguredEdge):
    """Clients reach it at `port`, where nothing listens until something is put in front of it; it listens at `own_port`."""

    def __init__(self, world, origin, policies, more=None, **options):
        front = held_port(world)
        self.front_port = front
        super().__init__(world, origin, policies, more={
            "auth_domain": f"{AUTH_HOST}:{front}", "trusted_proxies": [ADDRESS], **(more or {})}, **options)
        self.own_port, self.port = self.port, front

    def connect(self, address, port=None):
        """A plain connection from there."""
        return socket.create_connection(("127.0.0.1", port or self.port), limits.COMMAND_DEADLINE, (address, 0))


def put_haproxy_in_front(edge, send="send-proxy-v2", title="TCP"):
    config = edge.world.path("haproxy.cfg")
    config.write_text("global\n  maxconn 100\n" + replaced(
        Section(PAGE, title).only("haproxy"), ("bind :443", f"bind 127.0.0.1:{edge.front_port}"),
        ("10.0.0.2:443", f"127.0.0.1:{edge.own_port} source {ADDRESS}"), ("send-proxy-v2", send)))
    child = edge.world.start(["/usr/sbin/haproxy", "-db", "-f", config])
    wait_until_it_listens(child, edge.front_port)
    return child


def get(edge, connection, tls=None, more=""):
    """The status of a request for the application's page."""
    if tls:
        connection = tls.wrap_socket(connection, server_hostname=HOST)
    with connection:
        connection.sendall(f"GET / HTTP/1.1\r\nHost: {edge.host()}\r\nConnection: close\r\n{more}\r\n".encode())
        return int(connection.recv(64).split()[1])
