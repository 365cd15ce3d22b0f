"""Extensions, force_command and source_address of an application's certificates, as Debian's sshd takes them."""

import pytest

from support.clients import Client, Ssh
from support.configured_edge import ConfiguredEdge

# What sshd logs, and only for a certificate that would have let in from elsewhere.
REFUSED_SOURCE = "with valid certificate but not from a permitted source address (127.0.0.1)"
POLICIES = [{"name": "all", "decision": "allow", "include": [{"email_domain": "example.com"}]}]


@pytest.fixture
def ssh_with(world, sshd):
    def start(style="match", state="state", **options):
        edge = ConfiguredEdge(world, sshd.address, POLICIES,
                              certificates={"principals": ["email_prefix"], **options})
        sshd.trust(edge.ssh_ca())
        client = Client(world, edge, name=state)
        client.login()
        return Ssh(client, style)
    return start


@pytest.mark.parametrize("style", ["match", "agent"])
def test_a_forced_command_is_all_that_runs(ssh_with, style):
    ssh = ssh_with(style, force_command="echo forced instead of: $SSH_ORIGINAL_COMMAND")
    assert ssh.run("cat /etc/passwd").ok().stdout == "forced instead of: cat /etc/passwd\n"


def test_what_is_not_among_the_extensions_is_refused(ssh_with, sshd):
    ssh = ssh_with(extensions=["permit-pty"])
    assert ssh.run("echo works").ok().stdout == "works\n"
    finished = ssh.run("true", "-o", "ExitOnForwardFailure=yes", "-R", "127.0.0.1:0:127.0.0.1:1")
    assert finished.status == 255, finished
    assert "remote port forwarding failed" in finished.stderr, finished


def test_what_is_among_them_is_allowed(ssh_with):
    ssh = ssh_with(extensions=["permit-port-forwarding"])
    finished = ssh.run("echo works", "-o", "ExitOnForwardFailure=yes", "-R", "127.0.0.1:0:127.0.0.1:1")
    assert finished.ok().stdout == "works\n"


def test_without_any_there_is_no_terminal_but_commands_run(ssh_with):
    ssh = ssh_with(extensions=[])
    assert ssh.run("echo works").ok().stdout == "works\n"
    finished = ssh.run("echo works", "-tt")
    assert "PTY allocation request failed" in finished.stderr, finished


def test_a_certificate_is_taken_from_its_source_addresses_alone(ssh_with, sshd):
    """What the server sees is the edge's address."""
    inside = ssh_with(state="inside", source_address=["127.0.0.1", "2001:db8::/32"])
    assert inside.run("echo works").ok().stdout == "works\n"
    assert REFUSED_SOURCE not in sshd.log()
    finished = ssh_with(state="outside", source_address=["192.0.2.0/24"]).run("true")
    assert finished.status == 255, finished
    assert "Permission denied" in finished.stderr, finished
    assert REFUSED_SOURCE in sshd.log(), sshd.log()
