"""The certificate opens what its authority and its principals allow, and nothing more."""

import pytest

from support.clients import Client, Ssh
from support.edges import Edge


@pytest.mark.parametrize("style", ["match", "agent"])
def test_wrong_principal_is_refused(world, kind, sshd, style):
    edge = Edge(world, kind, sshd.address, email="another-user@example.com")
    sshd.trust(edge.ssh_ca())
    client = Client(world, edge)
    client.login()
    finished = Ssh(client, style).run("true")
    assert finished.status == 255, finished
    assert "Permission denied" in finished.stderr
    assert "not a listed principal" in sshd.log()


@pytest.mark.parametrize("style", ["match", "agent"])
def test_server_that_trusts_another_authority_refuses(world, user, sshd, style):
    world.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", world.path("another")]).ok()
    sshd.trust(world.path("another.pub").read_text())
    finished = Ssh(user, style).run("true")
    assert finished.status == 255, finished
    assert "Permission denied" in finished.stderr
    assert "Accepted" not in sshd.log()
