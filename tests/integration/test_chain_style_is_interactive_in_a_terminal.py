"""The two-block form, whose ProxyCommand makes the certificate and runs a second, interactive ssh.

It is for interactive sessions only. The ssh that the user started waits for a banner that never comes, since its
ProxyCommand's output goes to standard error: the inner ssh takes both its input and its output from there, which is the
terminal. Hence no remote command, no scp, and 255 as the exit status whatever the shell ended with.
"""

import pytest

from support.clients import Ssh
from support.servers import gives_terminals

pytestmark = pytest.mark.skipif(not gives_terminals(), reason="an sshd of this user cannot give terminals here")


def test_chain_style_is_interactive_in_a_terminal(user):
    terminal = Ssh(user, "chain").terminal()
    terminal.type("echo answer-$((6*7)); tty\n")
    terminal.expect(r"answer-42\r\n(?:.*\r\n)?/dev/pts/\d+")
    terminal.type("exit\n")
    terminal.wait()
    assert user.browser_runs() == 1


def test_chain_style_makes_a_certificate_first(user):
    terminal = Ssh(user, "chain").terminal()
    terminal.type("echo ready-$((1+1)); exit\n")
    terminal.expect(r"ready-2\r\n")
    terminal.wait()
    assert user.file("*-cf_key-cert.pub")
