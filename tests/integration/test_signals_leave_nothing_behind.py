"""What ssh and a person's Ctrl-C do to the client: it ends at once, and takes its lock, URL file and socket along."""

import signal

import pytest

from support.clients import REFUSED, assert_logs_in_vain
from support.world import Finished

SIGNALS = [signal.SIGHUP, signal.SIGINT, signal.SIGTERM]


@pytest.mark.parametrize("number", SIGNALS)
def test_a_login_that_is_interrupted_leaves_no_lock(client, number):
    child = client.start("access", "login", "--no-browser", client.edge.url())
    child.stderr.wait_for(r"^https://\S+$")
    assert list(client.home.glob("*.lock")) and list(client.home.glob("*.url"))
    status = child.stop(number)
    with child.process.stdout as output:
        finished = Finished(child.argv, status, output.read(), child.stderr.text.encode())
    child.process.stdin.close()
    assert_logs_in_vain(finished, REFUSED, stage="login", says="interrupted")
    assert not list(client.home.glob("*.lock")) and not list(client.home.glob("*.url"))


def test_being_told_again_and_again_changes_nothing(user):
    socket = user.world.path("agent")
    child = user.start("access", "ssh", "--hostname", user.edge.host(), "--agent", socket)
    assert child.process.stdout.readline().startswith(b"SSH-2.0-")
    while child.process.poll() is None:
        child.process.send_signal(signal.SIGTERM)
    status = child.wait()
    child.process.stdin.close()
    child.process.stdout.close()
    assert (status, child.stderr.text) == (0, "")
    assert not socket.exists()


@pytest.mark.parametrize("number", SIGNALS)
def test_a_tunnel_that_is_told_to_end_removes_its_socket(user, number):
    socket = user.world.path("agent")
    child = user.start("access", "ssh", "--hostname", user.edge.host(), "--agent", socket)
    assert child.process.stdout.readline().startswith(b"SSH-2.0-")
    assert socket.is_socket()
    status = child.stop(number)
    child.process.stdin.close()
    child.process.stdout.close()
    assert (status, child.stderr.text) == (0, "")
    assert not socket.exists()
