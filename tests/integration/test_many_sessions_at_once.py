"""Several sessions at the same time share tokens, keys and sockets without disturbing one another."""

import pytest

from support.clients import Ssh

SESSIONS = 6


@pytest.mark.parametrize("style", ["agent", "match"])
def test_many_sessions_at_once(user, style):
    ssh = Ssh(user, style)
    ssh.run("true").ok()  # known_hosts is written by now
    sessions = [ssh.start(f"read line; echo {number}-$line; exit {number}") for number in range(SESSIONS)]
    for number, session in enumerate(sessions):
        session.process.stdin.write(b"hello\n")
        session.process.stdin.flush()
        assert session.process.stdout.readline() == f"{number}-hello\n".encode(), session.stderr.text
    # All of them were open at once: each had answered before the first was let go.
    for number, session in enumerate(sessions):
        session.process.stdin.close()
        assert session.wait() == number, session.stderr.text
        session.process.stdout.close()
    assert user.browser_runs() == 1
