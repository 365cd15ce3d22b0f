"""A leading `cfpipe-` of the host name is dropped, so that one block in ssh_config serves every host."""

import pytest

from support.clients import Client, Ssh
from support.edges import Edge

BLOCK = """Host cfpipe-*
  ProxyCommand cfpipe access ssh --hostname %h:{port} --agent {agents}/%r@%n
  IdentityFile none
  IdentityAgent {agents}/%r@%n
"""


@pytest.fixture
def two_hosts(world, kind, sshd):
    edge = Edge(world, kind, sshd.address, hosts=("vm.localhost", "b.localhost"))
    client = Client(world, edge)
    client.login()
    return client


def test_one_wildcard_block_serves_every_host(two_hosts, sshd):
    agents = two_hosts.world.path("agents")
    agents.mkdir(mode=0o700)
    text = BLOCK.format(port=two_hosts.edge.port, agents=agents)
    for host in two_hosts.edge.hosts:
        sshd.trust(two_hosts.edge.ssh_ca(host))
        ssh = Ssh(two_hosts, text=text, host=f"cfpipe-{host}")
        assert ssh.run("echo through").ok().stdout == "through\n"
