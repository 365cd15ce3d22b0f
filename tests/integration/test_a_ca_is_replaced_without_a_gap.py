"""An SSH CA is replaced while people log in: in between, servers trust both."""

import pytest

from support.clients import Ssh
from support.edges import HOST

pytestmark = pytest.mark.parametrize("kind", ["own"], indirect=True)
BAD_CONFIG = 78


def lines(finished):
    return finished.ok().stdout.splitlines()


def key_of(line):
    return line.split()[1]


def test_two_lines_are_shown_until_the_old_one_is_retired(edge):
    (old,) = lines(edge.ca("show"))
    assert lines(edge.ca("rotate")) == lines(edge.ca("show"))
    first, second = lines(edge.ca("show"))
    assert first == old and key_of(second) != key_of(old)
    (left,) = lines(edge.ca("retire"))
    assert key_of(left) == key_of(second)
    assert lines(edge.ca("show")) == [left]


def test_a_rotation_is_cancelled(edge):
    (old,) = lines(edge.ca("show"))
    edge.ca("rotate").ok()
    assert lines(edge.ca("cancel")) == lines(edge.ca("show")) == [old]
    assert "ca show" in edge.ca("cancel").failed(BAD_CONFIG).stderr


def test_no_user_is_shut_out_meanwhile(edge, sshd, user):
    ssh = Ssh(user, "agent")
    (old,) = lines(edge.ca("show"))
    both = lines(edge.ca("rotate"))
    assert ssh.run("echo the old one signs").ok().stdout == "the old one signs\n"
    sshd.trust("\n".join(both) + "\n")
    edge.ca("retire").ok()
    assert ssh.run("echo the new one signs").ok().stdout == "the new one signs\n"
    sshd.trust(old + "\n")
    refused = ssh.run("true")
    assert refused.status == 255 and "Permission denied" in refused.stderr


def test_steps_out_of_order_are_refused(edge):
    assert "ca rotate" in edge.ca("retire").failed(BAD_CONFIG).stderr
    edge.ca("rotate").ok()
    assert "ca retire" in edge.ca("rotate").failed(BAD_CONFIG).stderr
    assert "ca generate" in edge.ca("rotate", host="other.localhost").failed(BAD_CONFIG).stderr


def test_what_an_administrator_does_is_in_the_audit(edge):
    edge.ca("rotate").ok()
    edge.ca("cancel").ok()
    edge.ca("rotate").ok()
    edge.ca("retire").ok()
    kinds = [row["kind"] for row in edge.audit() if row["application"] == HOST]
    assert kinds == ["ca_rotate", "ca_cancel", "ca_rotate", "ca_retire"]
