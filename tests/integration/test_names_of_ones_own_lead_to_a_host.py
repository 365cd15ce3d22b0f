"""An alias in ssh_config: a short name whose HostName is an application."""

import pytest

from support.clients import Ssh
from support.pairs import EDGE_AND_STYLE
from support.world import USER

pytestmark = EDGE_AND_STYLE


@pytest.fixture
def short(ssh):
    """As docs/SSH_CONFIG.md says: the alias beside the name in the agent style, in front of the block in the match style."""
    host = ssh.host
    if ssh.text.startswith("Host "):
        text = ssh.text.replace(f"Host {host}\n", f"Host {host} short\n  HostName {host}\n", 1)
    else:
        text = f"Host short\n  HostName {host}\n\n{ssh.text}"
    return Ssh(ssh.client, host="short", text=text)


def test_ssh_and_scp_know_the_short_name(short):
    assert short.run("id -un").ok().stdout.strip() == USER
    original, copy = short.world.path("original"), short.world.path("copy")
    original.write_bytes(b"under a short name\n")
    short.scp(original, f"short:{copy}").ok()
    assert copy.read_bytes() == original.read_bytes()


def test_the_host_is_known_under_its_own_name(short):
    short.run("true").ok()
    known = short.world.path("known_hosts").read_text()
    assert known.startswith(short.client.edge.hosts[0] + " ")
