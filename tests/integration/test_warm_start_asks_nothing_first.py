"""With a cached token the first and only request of a start is the upgrade; what is known about the application is
looked at again behind the open tunnel, and only when it has become old."""

import json
import os
import time

import pytest

from support import limits

pytestmark = pytest.mark.parametrize("kind", ["mock"], indirect=True)
DUE_SECONDS = 2 * 3600  # kKnownFresh is one hour
TOO_OLD_SECONDS = 25 * 3600  # kKnownMaxAge is a day


def grow_old(path, seconds):
    then = time.time() - seconds
    os.utime(path, (then, then))


def requests_of(user, do):
    before = len(user.edge.requests())
    do()
    return [r for r in user.edge.requests()[before:] if r["event"] == "request"]


def test_warm_start_is_one_request_on_one_connection(user):
    asked = requests_of(user, user.banner)
    assert len(asked) == 1, asked
    assert (asked[0]["method"], asked[0]["status"]) == ("GET", 101), asked


def test_application_that_is_due_is_checked_behind_the_tunnel(user):
    known = user.file("*-application")
    grow_old(known, DUE_SECONDS)
    child = user.start("access", "ssh", "--hostname", user.edge.host())
    with child.process.stdout as output:
        assert output.readline().startswith(b"SSH-2.0-")
        deadline = time.monotonic() + limits.COMMAND_DEADLINE
        while time.time() - known.stat().st_mtime > DUE_SECONDS / 2:
            assert time.monotonic() < deadline, "never checked"
            os.sched_yield()
        child.process.stdin.close()
        assert child.wait() == 0, child.stderr.text
    asked = [r for r in user.edge.requests() if r["event"] == "request"][-2:]
    assert [r["method"] for r in asked] == ["GET", "HEAD"], asked


def test_application_that_is_too_old_is_checked_before_the_dial(user):
    grow_old(user.file("*-application"), TOO_OLD_SECONDS)
    asked = requests_of(user, user.banner)
    assert [r["method"] for r in asked] == ["HEAD", "GET"], asked
    assert len({r["connection"] for r in asked}) == 1, asked


def test_what_is_known_wrongly_is_found_out(user):
    """The token of the other audience is not ours, so the start goes the long way and puts things right."""
    known = user.file("*-application")
    right = json.loads(known.read_text())
    known.write_text(json.dumps({**right, "aud": "0" * 64}))
    assert user.banner().startswith("SSH-2.0-")
    assert json.loads(known.read_text()) == right
    assert user.browser_runs() == 1


def test_an_auth_domain_that_is_not_trusted_any_more_is_not_believed(user):
    known = user.file("*-application")
    known.write_text(json.dumps({**json.loads(known.read_text()), "auth_domain": "elsewhere.example"}))
    asked = requests_of(user, user.banner)
    assert [r["method"] for r in asked] == ["HEAD", "GET"], asked
