"""An interactive ssh in a real terminal."""

import pytest

from support.servers import gives_terminals

pytestmark = pytest.mark.skipif(not gives_terminals(), reason="an sshd of this user cannot give terminals here")


def test_shell_on_a_terminal_answers_and_passes_its_exit_status_on(ssh):
    terminal = ssh.terminal()
    # The prompt is whatever the login shell has; arithmetic tells the answer from the echo of the question.
    terminal.type("echo answer-$((6*7)); tty\n")
    terminal.expect(r"answer-42\r\n/dev/pts/\d+")
    terminal.type("exit 9\n")
    assert terminal.wait() == 9, terminal.screen


def test_interrupt_key_reaches_the_remote_program(ssh):
    terminal = ssh.terminal()
    terminal.type("""sh -c 'trap "echo caught-$((4+5)); exit" INT; echo ready-$((1+1)); read line'\n""")
    terminal.expect(r"ready-2\r\n")
    terminal.type("\x03")
    terminal.expect(r"caught-9\r\n")
    terminal.type("exit 0\n")
    assert terminal.wait() == 0, terminal.screen
