"""The terminal in a real browser: Chromium, the edge, sshd."""

import pytest

from support import servers, world as worlds
from support.playwright import play
from support.terminal_page import edge_with_terminal

pytestmark = pytest.mark.skipif(not servers.gives_terminals(), reason="this user's sshd gives no terminals")


@pytest.fixture
def terminal(world, sshd):
    edge = edge_with_terminal(world, sshd.address)
    sshd.trust(edge.ssh_ca())
    return edge


def test_a_shell_from_the_sign_in_to_its_exit(world, terminal):
    def revoke():
        terminal.command("revoke", "--email", worlds.EMAIL).ok()
    play(world, terminal, "terminal.mjs", {"email": worlds.EMAIL, "user": worlds.USER}, revoke=revoke)
