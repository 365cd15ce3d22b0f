"""`ps` shows every user the arguments of every process: what was secret among ours is overwritten in there."""

import pytest

from support import process
from support.clients import Client
from support.edges import Edge

SERVICE = ("0123456789abcdef.access", "planted-5ecret")
HEADER = "planted-header"


@pytest.fixture
def client(world, sshd):
    return Client(world, Edge(world, "mock", sshd.address, service_token=SERVICE))


@pytest.mark.parametrize("service, headers", [
    (["--service-token-id", SERVICE[0], "--service-token-secret", SERVICE[1]], ["--header", f"X-Planted: {HEADER}"]),
    (["--id", SERVICE[0], f"--secret={SERVICE[1]}"], [f"--header=X-Planted: {HEADER}", "-H", f"Planted-Too: {HEADER}"]),
    ([f"-id={SERVICE[0]}", "-secret", SERVICE[1]], [f"-HX-Planted: {HEADER}"]),
], ids=["long", "equals", "single dash"])
def test_secrets_are_overwritten_once_they_are_read(client, service, headers):
    child = client.start("access", "ssh", "--hostname", client.edge.host(), *service, *headers)
    assert child.process.stdout.readline().startswith(b"SSH-2.0-"), "they have had their effect"
    shown = process.words(child.pid)
    child.process.stdin.close()
    child.process.stdout.close()
    assert child.wait() == 0
    assert len(shown) == len(child.argv), "the rest is as it was"
    assert client.edge.host() in shown and any(SERVICE[0] in word for word in shown)
    assert [word for word in shown if "planted" in word] == []
