"""One sign-in is enough for every application of the same auth domain."""

from support import tokens
from support.clients import Client
from support.edges import Edge


def test_second_application_needs_no_browser(world, kind, sshd):
    edge = Edge(world, kind, sshd.address, hosts=("vm.localhost", "b.localhost"))
    client = Client(world, edge)
    client.login("vm.localhost")
    client.login("b.localhost")
    assert client.browser_runs() == 1

    first, second = (tokens.claims(client.token(host)) for host in edge.hosts)
    assert first["aud"] != second["aud"]
    assert first["email"] == second["email"]


def test_tunnel_to_the_second_application_needs_no_browser(world, kind, sshd):
    edge = Edge(world, kind, sshd.address, hosts=("vm.localhost", "b.localhost"))
    client = Client(world, edge)
    client.login("vm.localhost")
    assert client.banner(host="b.localhost").startswith("SSH-2.0-")
    assert client.browser_runs() == 1


def test_tunnel_logs_in_by_itself(client):
    assert client.banner().startswith("SSH-2.0-")
    assert client.browser_runs() == 1
