"""An interactive ssh in a real terminal."""


def test_shell_on_a_terminal_answers_and_passes_its_exit_status_on(ssh):
    terminal = ssh.terminal()
    # The prompt is whatever the login shell has; arithmetic tells the answer from the echo of the question.
    terminal.type("echo answer-$((6*7)); tty\n")
    terminal.expect(r"answer-42\r\n/dev/pts/\d+")
    terminal.type("exit 9\n")
    assert terminal.wait() == 9, terminal.screen


def test_interrupt_key_reaches_the_remote_program(ssh):
    terminal = ssh.terminal()
    terminal.type("echo ready-$((1+1)); cat; echo status-$?\n")
    terminal.expect(r"ready-2\r\n")
    terminal.type("\x03")
    terminal.type("echo still-$((2+3)); exit 0\n")
    terminal.expect(r"still-5\r\n")
    assert terminal.wait() == 0, terminal.screen
