"""CA keys for servers that take no ed25519 signature of a CA, as in FIPS mode: a real sshd says which it takes."""

import pytest

from support import servers
from support.clients import Ssh
from support.terminal_page import edge_with_terminal, open_shell

own = pytest.mark.parametrize("kind", ["own"], indirect=True)


@own
@pytest.mark.parametrize("kind_of_key, line, only", [
    ("ecdsa", "ecdsa-sha2-nistp256 ", "ecdsa-sha2-nistp256"), ("rsa", "ssh-rsa ", "rsa-sha2-512")])
def test_an_sshd_without_ed25519_is_served(edge, sshd, user, kind_of_key, line, only):
    ssh = Ssh(user, "agent")
    sshd.configure(f"CASignatureAlgorithms {only}")
    refused = ssh.run("true")
    assert refused.status == 255 and "signature algorithm not supported" in sshd.log(), sshd.log()
    edge.ca("rotate", "--type", kind_of_key).ok()
    left = edge.ca("retire").ok().stdout
    assert left.startswith(line), left
    sshd.trust(left)
    assert ssh.run("echo in").ok().stdout == "in\n"
    assert edge.ca("rotate").ok().stdout.splitlines()[1].startswith(line)


@pytest.mark.skipif(not servers.gives_terminals(), reason="this user's sshd gives no terminals")
def test_a_terminal_logs_in_without_ed25519_too(world, sshd):
    """In FIPS mode sshd takes no ed25519 at all: neither a CA's signature nor a user's key."""
    edge = edge_with_terminal(world, sshd.address)
    sshd.configure("CASignatureAlgorithms ecdsa-sha2-nistp256")
    sshd.configure("PubkeyAcceptedAlgorithms ecdsa-sha2-nistp256-cert-v01@openssh.com")
    edge.ca("rotate", "--type", "ecdsa").ok()
    sshd.trust(edge.ca("retire").ok().stdout)
    page = open_shell(edge)
    page.type("echo i''n\n")
    page.shows("in\r\n")


@own
def test_other_types_are_refused(edge):
    assert "--type" in edge.ca("rotate", "--type", "dsa").failed(64).stderr
