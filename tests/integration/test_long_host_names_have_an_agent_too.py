"""A socket's path has 107 bytes. In the agent style a host name that is too long for that is shortened in it."""

import pytest

from support.clients import USAGE, Client, Ssh, assert_fails
from support.edges import Edge

HOST = "bastion-4.eu-central-1.production.internal.engineering.and-so-on.localhost"


@pytest.fixture
def far(world, kind, sshd):
    edge = Edge(world, kind, sshd.address, hosts=[HOST])
    sshd.trust(edge.ssh_ca())
    client = Client(world, edge, name="a-state-directory-as-long-as-many-a-home")
    client.login()
    return client


def test_long_host_names_have_an_agent_too(far):
    ssh = Ssh(far, "agent")
    shown = ssh.tool("ssh", "-G", HOST).ok().stdout
    agent = next(line.split()[1] for line in shown.splitlines() if line.startswith("identityagent "))
    assert len(f"{far.home}/agent-r@{HOST}") > 107 >= len(agent)
    assert ssh.run("echo through; exit 3").status == 3
    assert not list(far.home.glob("*cf_key*"))


def test_long_directories_and_user_names_have_one_too(world, kind, sshd):
    """Of sssd's accounts the home directory has the name."""
    edge = Edge(world, kind, sshd.address)
    sshd.trust(edge.ssh_ca())
    client = Client(world, edge, name="home-of-maximilian.mustermann@corp.example.com-on-the-server")
    client.login()
    ssh = Ssh(client, "agent")
    assert ssh.run("echo through").ok().stdout == "through\n"
    # No edge answers there, but the agent is served.
    longest = ssh.run("true", "-l", "maximilian.mustermann@corp.example.com")
    assert "socket" not in longest.stderr and "Permission denied" in longest.stderr, longest


def test_a_socket_that_cannot_be_is_refused_at_once(far):
    path = f"{far.home}/agent-user@{HOST}"
    done = far.tunnel("--agent", path)
    assert_fails(done, USAGE, "input", f"--agent: a socket's path has 107 bytes at most, this one has {len(path)}")
