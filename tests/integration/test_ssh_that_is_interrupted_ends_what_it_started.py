"""Ctrl-C and SIGTERM to an ssh without a terminal: it ends, the tunnel with it, and the server notices."""

import signal

import pytest

from support import limits
from support.pairs import EDGE_AND_STYLE
from support.process import wait_until_gone

pytestmark = EDGE_AND_STYLE


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_the_remote_program_loses_its_input(ssh, number):
    session = ssh.start("echo $$; cat; echo gone")
    remote = int(session.process.stdout.readline())
    session.process.send_signal(number)
    assert session.wait() in (255, -number), session.stderr.text
    session.process.stdin.close()
    session.process.stdout.close()
    assert wait_until_gone(remote, limits.GOODBYE_DEADLINE)
    assert "cfpipe" not in session.stderr.text


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_a_remote_program_that_a_signal_ends_is_status_255(ssh, number):
    """As ssh has it: 255, for there is no exit status."""
    done = ssh.run(f"echo before; kill -{number.value} $$; echo after")
    assert (done.status, done.stdout) == (255, "before\n"), done
