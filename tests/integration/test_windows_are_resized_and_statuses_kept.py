"""What a terminal adds to a session: its size, its escape character, `-t`, and exit statuses all the same."""

import pytest

from support.pairs import EDGE_AND_STYLE
from support.servers import gives_terminals

pytestmark = [
    EDGE_AND_STYLE,
    pytest.mark.skipif(not gives_terminals(), reason="an sshd of this user cannot give terminals here"),
]

# Says the size whenever it changes.
WATCH = """sh -c 'trap "stty size" WINCH; echo ready-$((1+1)); while :; do sleep 0.1; done'"""


def test_the_remote_terminal_follows_the_window(ssh):
    terminal = ssh.terminal("-tt", command=[WATCH])
    terminal.expect(r"ready-2\r\n")
    terminal.resize(33, 101)
    terminal.expect(r"^33 101\r\n")
    terminal.resize(50, 200)
    terminal.expect(r"^50 200\r\n")
    terminal.type("\x03")
    terminal.wait()


def test_a_command_with_a_terminal_returns_its_exit_status(ssh):
    terminal = ssh.terminal("-t", command=["tty; exit 5"])
    terminal.expect(r"/dev/pts/\d+\r\n")
    assert terminal.wait() == 5, terminal.screen


def test_the_escape_character_ends_a_session_that_hangs(ssh):
    terminal = ssh.terminal("-tt", command=["echo ready-$((1+1)); exec sleep 1000"])
    terminal.expect(r"ready-2\r\n")
    terminal.type("\r~.")
    assert terminal.wait() == 255, terminal.screen
    assert "Connection to" in terminal.screen and "closed" in terminal.screen
