"""An edge that closes what is idle finds nothing idle: the client's pings come first. Time is shortened by 20."""

import subprocess

import pytest

from support.clients import Client
from support.edges import Edge
from support.origin import Origin, echo

# Seconds: an edge that closes after 100, a client that pings after 20, in proportion.
IDLE_CLOSE = 5
PING_INTERVAL = 1
# Several times what the edge would wait.
IDLE = 6 * IDLE_CLOSE


@pytest.fixture
def tunnel(world):
    origin = world.closing(Origin(echo))
    client = Client(world, Edge(world, "mock", origin.address, faults=[f"idle-close={IDLE_CLOSE}"]))
    client.login()

    def start(interval):
        child = client.start("access", "ssh", "--hostname", client.edge.host(), "--ping-interval", interval)
        say(child, b"before")
        return child
    return start


def say(child, data):
    """What is said comes back."""
    child.process.stdin.write(data)
    child.process.stdin.flush()
    assert child.process.stdout.read(len(data)) == data, child.stderr.text


def close(child):
    child.process.stdin.close()
    child.process.stdout.close()


def test_a_tunnel_that_pings_is_not_idle(tunnel):
    child = tunnel(PING_INTERVAL)
    with pytest.raises(subprocess.TimeoutExpired):
        child.process.wait(IDLE)
    say(child, b"after")
    child.process.stdin.close()
    assert child.wait() == 0, child.stderr.text
    child.process.stdout.close()


def test_one_that_pings_too_late_is_closed(tunnel):
    """Else the test above would prove nothing."""
    child = tunnel(90)
    assert child.wait() == 0, "the end of TLS is how edges that are not ours end"
    close(child)
