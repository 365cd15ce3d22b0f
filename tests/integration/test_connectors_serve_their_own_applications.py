"""Connectors of several names at one edge: an application's tunnels go through those that it names, and through no others."""

import pytest

from support.clients import Client, UNAVAILABLE, assert_fails
from support.connectors import ALLOW, Connector, edge_for, listed
from support.origin import Origin, echo
from support.process import wait_until

HOSTS = {"office.localhost": "office", "attic.localhost": "attic", "both.localhost": ["office", "attic"]}


class Site:
    def __init__(self, world):
        self.origin = world.closing(Origin(echo))
        self.edge = edge_for(world, self.origin.address, hosts=HOSTS)
        self.edge.change(self._name_connectors)
        self.edge.reload()
        self.connectors = {name: Connector(world, self.edge, [self.origin.address], name) for name in ("office", "attic")}
        self.client = Client(world, self.edge)
        for host in HOSTS:
            self.client.login(host)

    @staticmethod
    def _name_connectors(config):
        for application in config["applications"]:
            application["connector"] = HOSTS[application["hostname"]]

    def says_back(self, host):
        """And which connectors it went through."""
        before = self._opened()
        text = f"through {host}".encode()
        assert self.client.tunnel(host=host, input=text).ok().output == text
        return [name for name, count in self._opened().items() if count > before[name]]

    def _opened(self):
        return {name: connector.tunnels() for name, connector in self.connectors.items()}

    def refuses(self, host, says):
        assert_fails(self.client.tunnel(host=host), UNAVAILABLE, "upgrade", says)


@pytest.fixture
def site(world):
    return Site(world)


def test_each_application_goes_through_those_that_it_names(site):
    for _ in range(3):
        assert site.says_back("office.localhost") == ["office"]
        assert site.says_back("attic.localhost") == ["attic"]
    assert len(site.says_back("both.localhost")) == 1


def test_a_list_shares_the_tunnels_of_both(site):
    tunnels = [site.client.start("access", "ssh", "--hostname", site.edge.host("both.localhost")) for _ in range(4)]
    for tunnel in tunnels:
        tunnel.process.stdin.write(b"open\n")
        tunnel.process.stdin.flush()
        assert tunnel.process.stdout.readline() == b"open\n"
    wait_until(lambda: listed(site.edge) == {"office": [(2, 2)], "attic": [(2, 2)]}, "each carries two of them")
    for tunnel in tunnels:
        tunnel.process.stdin.close()
        with tunnel.process.stdout as output:
            assert output.read() == b""
        assert tunnel.wait() == 0, tunnel.stderr.text


@pytest.mark.parametrize("how", ["kill", "revoke"])
def test_the_end_of_one_is_not_that_of_the_other(site, how):
    if how == "kill":
        site.connectors["office"].kill()
    else:
        site.edge.command("connector", "revoke", "office", "--yes").ok()
    site.edge.child.stderr.wait_for("connector office .* has left")
    assert site.says_back("attic.localhost") == ["attic"]
    assert site.says_back("both.localhost") == ["attic"]
    site.refuses("office.localhost", r"its connector is not attached: office\b")
