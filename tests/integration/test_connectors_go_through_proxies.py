"""A server in a network whose one way out is a proxy: its connector attaches to a real edge through that, and ssh works."""

import pytest

from support import proxies
from support.cable import Cable
from support.clients import Client, Ssh
from support.connectors import Connector, edge_for
from support.servers import Sshd


@pytest.mark.parametrize("kind", sorted(proxies.PROXIES))
def test_ssh_reaches_a_server_behind_it(world, kind):
    cable, proxy = Cable(world), proxies.PROXIES[kind](world)
    sshd = Sshd(world, run_by=cable.inside)
    edge = edge_for(world, sshd.address)
    sshd.trust(edge.ssh_ca())
    way = proxy.url_with_login.replace(f"{proxy.address}:{proxy.port}", cable.relay(proxy.port, proxy.address))
    connector = Connector(world, edge, [sshd.address], inside=cable.inside, way=way)
    client = Client(world, edge)
    client.login()
    large = "x" * 1_000_000
    assert Ssh(client, "match").run("cat", input=large.encode()).ok().stdout == large
    assert proxy.asked(3) == [edge.auth_domain] * 3  # to enrol, and for two connections
    assert proxy.password not in connector.child.stderr.text
    # Behind a connector that is gone the edge has no other way there.
    connector.kill()
    assert "its connector is not attached" in client.tunnel().failed(69).stderr
