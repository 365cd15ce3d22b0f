"""`cfpipe-edge backup` beside a running edge: what it copies opens the same servers, with the same tokens."""

import os
import shutil
import stat

import pytest

from support.clients import Ssh
from support.edges import PROGRAMS

pytestmark = pytest.mark.parametrize("kind", ["own"], indirect=True)


def backup(edge, path):
    return edge.world.run([PROGRAMS["own"], "backup", path, "--state", edge.state])


def test_what_it_copies_serves_on(user):
    edge = user.edge
    ssh = Ssh(user, "match")
    assert ssh.run("echo before").ok().stdout == "before\n"
    copy = user.world.path("copy.db")
    done = backup(edge, copy).ok()
    assert str(copy) in done.stderr and len(done.stderr.splitlines()) == 1, done
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    assert [row["kind"] for row in edge.audit()].count("backup") == 1
    edge.stop()

    # Of the database nothing is left but the copy.
    for name in ("edge.db", "edge.db-wal", "edge.db-shm"):
        (edge.state / name).unlink(missing_ok=True)
    shutil.copyfile(copy, edge.state / "edge.db")
    os.chmod(edge.state / "edge.db", 0o600)
    edge.start_again()
    runs = user.browser_runs()
    assert ssh.run("echo after").ok().stdout == "after\n"
    assert user.browser_runs() == runs, "the token of before is still good"
    serials = [row["serial"] for row in edge.audit() if row["kind"] == "certificate"]
    assert serials and len(set(serials)) == len(serials), serials


def test_a_file_that_is_there_is_left_alone(user):
    kept = user.world.path("kept")
    kept.write_text("mine")
    done = backup(user.edge, kept)
    assert done.status == 78 and "File exists" in done.stderr and len(done.stderr.splitlines()) == 1, done
    assert kept.read_text() == "mine"
