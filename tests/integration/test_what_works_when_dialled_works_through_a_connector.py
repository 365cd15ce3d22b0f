"""Destinations that are asked for, the header that says who the client is, and programs with a service token: as with an origin that
the edge dials itself."""

import re
import socket

import pytest

from support import world as worlds
from support.clients import Client, REFUSED, Ssh, UNAVAILABLE, assert_fails
from support.connectors import ALLOW, Connector, edge_for
from support.origin import Origin
from test_origins_learn_who_the_client_is import haproxy, tell_header_and_echo

PROGRAMS = [{"name": "ci", "decision": "service_auth", "include": [{"service_token": "deploy"}]}]


def logged_in(world, edge):
    client = Client(world, edge)
    client.login()
    return client


def greet(connection, events):
    connection.sendall(b"another origin\n")
    while connection.recv(65536):
        pass


def test_destinations_are_dialled_by_the_connector(world, sshd):
    other = world.closing(Origin(greet))
    port = other.address.split(":")[1]
    # As the connector resolves it.
    asked = f"localhost:{port}"
    edge = edge_for(world, sshd.address, more_app={"destinations": [f"127.0.0.0/8:{port}", asked, "127.0.0.0/8:1"]})
    connector = Connector(world, edge, [sshd.address, asked])
    client = logged_in(world, edge)
    for destination in (asked, other.address):
        assert client.banner("--hostname", edge.host(), "--destination", destination) == "another origin\n"
        connector.child.stderr.wait_for(rf"tunnel to {destination} for {worlds.EMAIL} from 127\.0\.0\.1: open")
    assert client.banner().startswith("SSH-2.0-")
    # What the edge's list has and the connector's has not, and the reverse.
    assert_fails(client.tunnel("--destination", "127.0.0.1:1"), UNAVAILABLE, "upgrade", "the connector's list of origins does not name it")
    assert_fails(client.tunnel("--destination", sshd.address), REFUSED, "upgrade", "does not lead to that destination")
    assert connector.tunnels() == 3


@pytest.mark.parametrize("transport", ["h1", "h2"])
def test_origins_learn_who_the_client_is(world, transport):
    origin = world.closing(Origin(tell_header_and_echo))
    listener = socket.create_server(("127.0.0.1", 0))
    service = "127.0.0.1:%d" % listener.getsockname()[1]
    haproxy(world, listener, origin.address, "send-proxy")
    edge = edge_for(world, service, more_app={"proxy_protocol": "v2"})
    Connector(world, edge, [service])
    client = logged_in(world, edge)
    assert client.tunnel("--transport", transport, input=b"after the header").ok().output == b"after the header"
    assert re.fullmatch(rf"PROXY TCP4 127\.0\.0\.1 127\.0\.0\.1 \d+ {edge.port}\r\n", origin.events.next())


def test_programs_come_with_a_service_token(world, sshd):
    certificates = {"principals": ["email_prefix"], "service_principals": {"deploy": [worlds.USER]}}
    edge = edge_for(world, sshd.address, policies=[*ALLOW, *PROGRAMS], certificates=certificates)
    sshd.trust(edge.ssh_ca())
    connector = Connector(world, edge, [sshd.address])
    client = Client(world, edge)
    token_id, secret = edge.service_token("deploy")
    client.env.update(TUNNEL_SERVICE_TOKEN_ID=token_id, TUNNEL_SERVICE_TOKEN_SECRET=secret)
    assert Ssh(client, "match").run("echo made it").ok().stdout == "made it\n"
    connector.child.stderr.wait_for(r"tunnel to \S+ for deploy from 127\.0\.0\.1: open")
    assert client.browser_runs() == 0
    edge.command("service-token", "revoke", "deploy").ok()
    refused = client.tunnel()
    assert refused.status == REFUSED and connector.tunnels() == 1, refused
