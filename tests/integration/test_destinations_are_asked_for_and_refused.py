"""--destination asks the edge for another origin; an edge that does not allow it is understood."""

import pytest

from support import world as worlds
from support.clients import Client, REFUSED, assert_fails
from support.configured_edge import ConfiguredEdge
from support.origin import Origin

DESTINATION = "db.internal:5432"


@pytest.mark.parametrize("by_environment", [False, True])
def test_the_destination_is_sent(misbehaving, by_environment):
    user = misbehaving()
    more = () if by_environment else ("--destination", DESTINATION)
    env = {"TUNNEL_SERVICE_DESTINATION": DESTINATION} if by_environment else {}
    user.banner("--hostname", user.edge.host(), *more, **env)
    upgrade, = [event for event in user.edge.requests() if event["event"] == "request" and event["upgrade"]]
    assert upgrade["destination"] == DESTINATION


def test_an_application_with_one_origin_refuses_it(edge, user):
    if edge.kind == "mock":
        pytest.skip("the mock takes every destination for its one origin")
    assert_fails(user.tunnel("--destination", DESTINATION), REFUSED, "upgrade",
                 r"refused access, or this destination: .* \(status 403, .*; leave --destination out")


def test_a_refusal_by_an_edge_that_is_not_ours_is_the_same(misbehaving):
    user = misbehaving("upgrade-status=403")
    assert_fails(user.tunnel("--destination", DESTINATION), REFUSED, "upgrade", "or this destination")
    assert_fails(user.tunnel(), REFUSED, "upgrade", "the edge refused access: ")


def greet(connection, events):
    connection.sendall(b"another origin\n")
    while connection.recv(65536):
        pass


@pytest.fixture
def bastion(world, sshd):
    """A client of our own edge, whose application may lead elsewhere; and where."""
    other = world.closing(Origin(greet))
    host, port = other.address.split(":")
    policies = [{"name": "staff", "decision": "allow", "include": [{"email": worlds.EMAIL}]}]
    edge = ConfiguredEdge(world, sshd.address, policies,
                          more_app={"destinations": [f"127.0.0.0/8:{port}", f"other.localhost:{port}"]})
    client = Client(world, edge)
    client.login()
    return client, other.address


@pytest.mark.parametrize("form", ["{address}", "tcp://{address}/ignored"])
def test_destination_that_is_configured_is_reached(bastion, form):
    client, address = bastion
    asked = form.format(address=address)
    assert client.banner("--hostname", client.edge.host(), "--destination", asked) == "another origin\n"
    assert client.banner("--hostname", client.edge.host()).startswith("SSH-2.0-")
    opened = [row["reason"] for row in client.edge.audit() if row["kind"] == "tunnel_open"]
    assert opened == [f"to {address}", ""]


def test_where_a_tunnel_leads_is_in_both_logs(bastion):
    client, address = bastion
    log = client.world.path("client.log")
    client.banner("--hostname", client.edge.host(), "--destination", address, "--log-file", log, "--log-level", "info")
    assert f"tunnel to vm.localhost for {address} is open" in log.read_text()
    assert f'reason="to {address}"' in client.edge.child.stderr.text


def test_destination_that_is_not_configured_is_refused(bastion, sshd):
    client, address = bastion
    port = address.split(":")[1]
    for asked in (sshd.address, f"localhost:{port}", f"10.0.0.1:{port}", "127.0.0.1", "nonsense"):
        assert_fails(client.tunnel("--destination", asked), REFUSED, "upgrade",
                     r"or this destination: .*does not lead to that destination \(status 403")
        denied = [row for row in client.edge.audit() if row["kind"] == "denial"]
        assert denied[-1]["reason"] == f"vm.localhost does not lead to that destination: {asked}", denied
        assert denied[-1]["identity"] == worlds.EMAIL and asked in client.edge.child.stderr.text
