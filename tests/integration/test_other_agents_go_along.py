"""`ForwardAgent` beside a certificate: the agent with the user's own keys is the one that is seen on the server."""

import signal

import pytest

from support.pairs import EDGE_AND_STYLE

pytestmark = EDGE_AND_STYLE


@pytest.fixture
def own_agent(world):
    """(socket, fingerprint of the one key): an ssh-agent of the user's."""
    socket, key = world.path("own-agent"), world.path("own-key")
    agent = world.start(["ssh-agent", "-D", "-a", socket])
    agent.stdout.wait_for("SSH_AUTH_SOCK")
    world.closing(type("Stopping", (), {"close": staticmethod(lambda: agent.stop(signal.SIGTERM))}))
    world.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "own", "-f", key]).ok()
    world.run(["ssh-add", "-q", key], {**world.env, "SSH_AUTH_SOCK": str(socket)}).ok()
    return socket, world.run(["ssh-keygen", "-l", "-f", key]).ok().stdout.split()[1]


def test_the_agent_that_is_named_goes_along(ssh, own_agent):
    """By its path: in the agent style `yes` and `$SSH_AUTH_SOCK` are the agent of the certificate to ssh."""
    socket, fingerprint = own_agent
    ssh.client.env["SSH_AUTH_SOCK"] = str(socket)
    seen = ssh.run("ssh-add -l", "-o", f"ForwardAgent={socket}").ok().stdout.splitlines()
    assert len(seen) == 1 and fingerprint in seen[0], seen


def test_no_agent_goes_along_unasked(ssh, own_agent):
    ssh.client.env["SSH_AUTH_SOCK"] = str(own_agent[0])
    assert ssh.run("echo agent:$SSH_AUTH_SOCK").ok().stdout == "agent:\n"
