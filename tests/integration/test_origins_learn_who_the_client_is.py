"""`proxy_protocol: v2`: what the origin gets first is a header that says who the client is. HAProxy, which takes nothing
without one, says in the header's older form what it understood."""

import re
import socket

import pytest

from support import world as worlds
from support.clients import Client
from support.configured_edge import ConfiguredEdge
from support.listener import first_line
from support.origin import Origin

POLICIES = [{"name": "staff", "decision": "allow", "include": [{"email": worlds.EMAIL}]}]
CLOSED_PORT = "127.0.0.1:1"


def haproxy(world, listener, to, options=""):
    """HAProxy behind a socket that listens already: what it does with connections shows when it does."""
    config = world.path("haproxy.cfg")
    config.write_text(f"""global
  maxconn 100
defaults
  mode tcp
  timeout connect 10s
  timeout client 60s
  timeout server 60s
frontend in
  bind fd@0 accept-proxy
  default_backend app
backend app
  server app {to} {options}
""")
    with listener:
        return world.start(["/usr/sbin/haproxy", "-db", "-f", config], stdin=listener)


def logged_in(world, service, listen="127.0.0.1:0", **more_app):
    client = Client(world, ConfiguredEdge(world, CLOSED_PORT, POLICIES, more={"listen": listen},
                                          more_app={"service": service, "proxy_protocol": "v2", **more_app}))
    client.login()
    return client


def tell_header_and_echo(connection, events):
    events.put(first_line(connection))  # what follows it is the client's
    while data := connection.recv(65536):
        connection.sendall(data)


def unix_listener(path):
    return socket.create_server(str(path), family=socket.AF_UNIX)


@pytest.mark.parametrize("transport", ["h1", "h2"])
@pytest.mark.parametrize("kind", ["tcp", "unix"])
def test_haproxy_understands_the_header(world, transport, kind):
    origin = world.closing(Origin(tell_header_and_echo))
    path = world.path("app.sock")
    listener = socket.create_server(("127.0.0.1", 0)) if kind == "tcp" else unix_listener(path)
    service = f"tcp://127.0.0.1:{listener.getsockname()[1]}" if kind == "tcp" else f"unix:{path}"
    haproxy(world, listener, origin.address, "send-proxy")
    client = logged_in(world, service)
    assert client.tunnel("--transport", transport, input=b"after the header").ok().output == b"after the header"
    header = origin.events.next()
    port, = re.fullmatch(rf"PROXY TCP4 127\.0\.0\.1 127\.0\.0\.1 (\d+) {client.edge.port}\r\n", header).groups()
    assert int(port) > 0


def test_haproxy_understands_ipv6(world):
    try:
        socket.create_server(("::1", 0), family=socket.AF_INET6).close()
    except OSError:
        pytest.skip("this machine has no IPv6 on loopback")
    origin = world.closing(Origin(tell_header_and_echo))
    path = world.path("app.sock")
    haproxy(world, unix_listener(path), origin.address, "send-proxy")
    client = logged_in(world, f"unix:{path}", listen="[::1]:0")
    assert client.tunnel(input=b"x").ok().output == b"x"
    header = origin.events.next()
    assert re.fullmatch(rf"PROXY TCP6 ::1 ::1 \d+ {client.edge.port}\r\n", header), header


def test_sshd_behind_haproxy_sees_nothing_of_it(world, sshd):
    path = world.path("app.sock")
    haproxy(world, unix_listener(path), sshd.address)
    assert logged_in(world, f"unix:{path}").banner().startswith("SSH-2.0-")


def test_a_destination_that_was_asked_for_gets_none(world, sshd):
    port = sshd.address.split(":")[1]
    client = logged_in(world, f"tcp://{CLOSED_PORT}", destinations=[f"127.0.0.1:{port}"])
    line = client.banner("--hostname", client.edge.host(), "--destination", sshd.address)
    assert line.startswith("SSH-2.0-")
