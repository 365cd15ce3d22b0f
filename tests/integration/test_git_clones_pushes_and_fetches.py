"""git over ssh through cfpipe, with a bare repository on the server."""

import pytest

from support import limits, stream
from support.pairs import EDGE_AND_STYLE

pytestmark = EDGE_AND_STYLE

BIG_BYTES = 5 * limits.MIB  # of random data: git can make nothing smaller of it


class Repository:
    """A working copy, with an identity, and without anything that git does in the background."""

    def __init__(self, ssh, path):
        self.ssh, self.path = ssh, path

    def git(self, *argv):
        settings = {"user.name": "Ann", "user.email": "ann@example.com", "init.defaultBranch": "main", "gc.auto": "0"}
        options = [word for key, value in settings.items() for word in ("-c", f"{key}={value}")]
        return self.ssh.tool("git", *options, *argv, cwd=self.path, GIT_TERMINAL_PROMPT="0")

    def commit(self, name, content):
        (self.path / name).write_bytes(content)
        self.git("add", name).ok()
        self.git("commit", "--quiet", "--message", f"Change {name}").ok()
        return self.head()

    def head(self, ref="HEAD"):
        return self.git("rev-parse", ref).ok().stdout.strip()


@pytest.fixture
def bare(ssh):
    path = ssh.world.path("project.git")
    ssh.tool("git", "init", "--quiet", "--bare", "--initial-branch=main", path).ok()
    ssh.tool("git", "-C", path, "config", "receive.autogc", "false").ok()
    return path


def cloned(ssh, url, name):
    copy = Repository(ssh, ssh.world.directory)
    copy.git("clone", "--quiet", url, name).ok()
    copy.path = ssh.world.path(name)
    return copy


def test_what_one_pushes_another_clones_and_fetches(ssh, bare):
    mine = cloned(ssh, f"{ssh.host}:{bare}", "mine")
    mine.commit("readme", b"hello\n")
    first = mine.commit("big", b"".join(stream.blocks(BIG_BYTES)))
    mine.git("push", "--quiet", "origin", "HEAD:main").ok()

    theirs = cloned(ssh, f"ssh://{ssh.host}{bare}", "theirs")
    assert theirs.head() == first
    assert (theirs.path / "big").read_bytes() == (mine.path / "big").read_bytes()
    theirs.git("fsck", "--strict").ok()

    second = theirs.commit("readme", b"hello again\n")
    theirs.git("push", "--quiet", "origin", "main").ok()
    mine.git("fetch", "--quiet", "origin").ok()
    assert mine.head("origin/main") == second


def test_what_the_server_refuses_is_said_and_is_a_failure(ssh, bare):
    hook = bare / "hooks/pre-receive"
    hook.parent.mkdir(exist_ok=True)
    hook.write_text("#!/bin/sh\necho the branch is closed >&2\nexit 1\n")
    hook.chmod(0o755)
    mine = cloned(ssh, f"{ssh.host}:{bare}", "mine")
    mine.commit("readme", b"hello\n")
    refused = mine.git("push", "origin", "HEAD:main")
    assert refused.status == 1, refused
    assert "remote: the branch is closed" in refused.stderr
    assert mine.git("clone", f"{ssh.host}:{bare}-not-there", "none").status == 128
