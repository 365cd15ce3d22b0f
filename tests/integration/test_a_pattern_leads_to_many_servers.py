"""An application of many hosts whose service has a `*`: each host leads to a server of its own, and to no other."""

import re
import socket
import ssl

import pytest

from support import limits
from support.cable import Cable
from support.clients import Client, Ssh, UNAVAILABLE, assert_fails
from support.configured_edge import ConfiguredEdge
from support.name_server import NameServer, SEARCH
from support.origin import Origin

WILD = "*.wild.localhost"
ALLOW = [{"name": "all", "decision": "allow", "include": [{"email_domain": "example.com"}]}]


def greets_as(name):
    def serve(connection, events):
        connection.sendall(f"SSH-2.0-{name}\r\n".encode())
        while connection.recv(4096):
            pass
    return serve


def edge_of(world, service, **options):
    edge = ConfiguredEdge(world, "127.0.0.1:1", ALLOW, hosts=(WILD,), **options)
    edge.change(lambda config: config["applications"][0].update(service=service))
    edge.reload()
    return edge


def upgrade(edge, host, token):
    """The status and the reason that a request for a tunnel to that host gets, whatever it is."""
    raw = socket.create_connection(("127.0.0.1", edge.port), timeout=limits.COMMAND_DEADLINE)
    context = ssl.create_default_context(cafile=str(edge.ca_file))
    with context.wrap_socket(raw, server_hostname="one.wild.localhost") as tls:
        tls.sendall(f"GET / HTTP/1.1\r\nHost: {host}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n"
                    f"Sec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\nCf-Access-Token: {token}\r\n\r\n".encode())
        head = b""
        while b"\r\n\r\n" not in head and (data := tls.recv(4096)):
            head += data
    text = head.decode()
    reason = re.search(r"Cfpipe-Reason: (.*)\r\n", text, re.IGNORECASE)
    return int(text.split()[1]), reason[1] if reason else ""


def opened(edge):
    return [row["reason"] for row in edge.audit() if row["kind"] == "tunnel_open"]


def test_ssh_goes_through(world, sshd):
    port = sshd.address.split(":")[1]
    edge = edge_of(world, f"ssh://*.servers.localhost:{port}")
    sshd.trust(edge.command("ca", "show", "--app", WILD).ok().stdout)
    client = Client(world, edge)
    for name in ("one", "two"):
        text = client.run("access", "ssh-config", "--hostname", f"{name}.wild.localhost:{edge.port}", "--short-lived-cert").ok().stdout
        assert Ssh(client, text=text, host=f"{name}.wild.localhost").run("echo through").ok().stdout == "through\n"
    assert opened(edge) == [f"to {name}.servers.localhost:{port}, at {name}.wild.localhost" for name in ("one", "two")]


@pytest.fixture
def servers(world):
    """Two servers at one port of two addresses that are not loopback; a name server; the edge in front of them."""
    cable = Cable(world)
    one = world.closing(Origin(greets_as("one"), at=(cable.here, 0)))
    port = int(one.address.split(":")[1])
    too = cable.another()
    world.closing(Origin(greets_as("two"), at=(too, port)))
    here = world.closing(Origin(greets_as("the-edge's-own"), at=("127.0.0.1", port)))
    names = NameServer(world, {
        "one.internal": cable.here, "two.internal": too,
        "rebinds.internal": "127.0.0.1", "metadata.internal": "169.254.169.254", "nothing.internal": "0.0.0.0",
        f"missing.internal.{SEARCH}": cable.here, f"one.internal.{SEARCH}": too,
        "one.wild.localhost": too, "one": too})
    edge = edge_of(world, f"tcp://*.internal:{port}", run_by=names.argv())
    edge.names, edge.origin_port, edge.own = names, port, here
    return edge


def test_each_host_leads_to_its_own_server(world, servers):
    client = Client(world, servers)
    for name in ("one", "two", "one"):
        assert client.banner("--hostname", f"{name}.wild.localhost:{servers.port}") == f"SSH-2.0-{name}\r\n"
    assert client.browser_runs() == 1, "it is one application"
    assert opened(servers) == [f"to {name}.internal:{servers.origin_port}, at {name}.wild.localhost" for name in ("one", "two", "one")]
    # What is asked for is below the domain of the service, and nothing that a resolver makes of it.
    assert set(servers.names.asked) == {"one.internal", "two.internal"}


def test_no_host_leads_elsewhere(world, servers):
    client = Client(world, servers)
    client.run("access", "login", f"https://one.wild.localhost:{servers.port}").ok()
    for name in ("rebinds", "metadata", "nothing"):
        failed = client.run("access", "ssh", "--hostname", f"{name}.wild.localhost:{servers.port}")
        assert_fails(failed, UNAVAILABLE, "upgrade", "its name leads to no address that it may")
    failed = client.run("access", "ssh", "--hostname", f"missing.wild.localhost:{servers.port}")
    assert_fails(failed, UNAVAILABLE, "upgrade", "it cannot be reached")
    token = client.run("access", "token", f"https://one.wild.localhost:{servers.port}").ok().stdout.strip()
    before = len(servers.names.asked)
    for host in ("a_b", "_", "xn_", "a%2eb", "127.0.0.1", "a.b", "evil.test", "", "a b", "[::1]"):
        status, reason = upgrade(servers, f"{host}.wild.localhost", token)
        assert status == 404 and "leads to no server" in reason if "_" in host else status in (400, 404, 421), (host, status, reason)
    assert servers.names.asked[before:] == [], "nothing is looked up"
    assert all(name.endswith(".internal") for name in servers.names.asked), servers.names.asked
    denied = [row["reason"] for row in servers.audit() if row["kind"] == "denial"]
    assert any(reason.startswith("a_b.wild.localhost leads to no server") for reason in denied), denied


def test_a_reload_leads_elsewhere(world, servers):
    client = Client(world, servers)
    assert client.banner("--hostname", f"one.wild.localhost:{servers.port}") == "SSH-2.0-one\r\n"
    for service, says in ((f"tcp://*:{servers.origin_port}", "a domain of yours"), (f"tcp://*.com:{servers.origin_port}", "a domain of yours"),
                          (f"tcp://*.*.internal:{servers.origin_port}", "in the first part"), ("unix:/run/*.sock", "not in the path of a socket")):
        servers.change(lambda config: config["applications"][0].update(service=service))
        assert says in servers.command("check-config").failed(78).stderr
