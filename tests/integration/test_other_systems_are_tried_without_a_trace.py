"""scripts/try-on runs commands on a bare system as root and as an ordinary user, and leaves nothing of the run, however it ends; unless it
is asked to keep the system."""

import os
import pathlib
import signal

import pytest

from support import debian, limits
from support.process import wait_until

SUITE = "trixie"
LOOK = """id -un
[ "${PWD##*/}" = cfpipe ] && [ -x scripts/test ] || echo no clone
touch /changed-$(id -u) 2>/dev/null
echo processes $(ls -d /proc/[0-9]* | wc -l)
"""


class TryOn:
    def __init__(self, world):
        if os.getuid() != 0:
            pytest.skip("mounting a system is for root")
        if not (limits.ROOT / ".git").exists():
            pytest.skip("there is no commit to clone")
        self.world = world
        self.cache = world.path("cache", "cfpipe", "try-on")
        self.cache.mkdir(parents=True)
        (self.cache / SUITE).symlink_to(debian.system(SUITE))
        self.env = {**world.env, "XDG_CACHE_HOME": str(world.path("cache"))}
        self.argv = [limits.ROOT / "scripts/try-on", SUITE]

    def run(self, *command, keep=False):
        program, *rest = self.argv
        argv = [program, "--keep", *rest] if keep else self.argv
        return self.world.run([*argv, *command], self.env, deadline=limits.TRANSFER_DEADLINE)

    def left(self):
        """Directories of a run, mounts and processes."""
        mounts = [line for line in pathlib.Path("/proc/self/mounts").read_text().splitlines() if str(self.cache) in line]
        return [str(path) for path in self.cache.glob("*.run")] + mounts + self.processes()

    def processes(self):
        """Those with the mark of this test, whatever namespace they are in."""
        found = []
        for directory in pathlib.Path("/proc").glob("[0-9]*"):
            try:
                if str(self.cache).encode() in (directory / "cmdline").read_bytes() + os.readlink(directory / "root").encode():
                    found.append((directory / "cmdline").read_text())
            except OSError:  # it has ended
                pass
        return found


@pytest.fixture
def try_on(world):
    return TryOn(world)


def test_a_command_runs_there_as_root_and_as_an_ordinary_user(try_on):
    done = try_on.run("/bin/sh", "-c", LOOK).ok()
    assert [line for line in done.stdout.splitlines() if not line.startswith("processes")] == ["root", "tester"], done
    assert all(int(line.split()[1]) < 10 for line in done.stdout.splitlines() if line.startswith("processes")), done
    assert f"passed on {SUITE}" in done.stderr
    assert not try_on.left() and not list((try_on.cache / SUITE).glob("changed-*"))


def test_a_failure_there_is_the_result_here(try_on):
    done = try_on.run("/bin/sh", "-c", '[ "$(id -un)" != tester ] || exit 3').failed(3)
    assert "as tester: /bin/sh" in done.stderr and "ended with status 3" in done.stderr, done
    assert not try_on.left()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupt_ends_everything_there(try_on, number):
    child = try_on.world.start([*try_on.argv, "/bin/sh", "-c", "setsid sleep 1000 & trap '' INT TERM HUP; echo begun; sleep 1000"],
                               try_on.env)
    child.stdout.wait_for("^begun$", limits.TRANSFER_DEADLINE)
    assert try_on.left()
    os.kill(child.pid, number)
    assert child.wait(limits.TRANSFER_DEADLINE) == 128 + number
    assert not try_on.left()


def test_what_a_killed_run_left_is_removed_by_the_next(try_on):
    child = try_on.world.start([*try_on.argv, "/bin/sh", "-c", "echo begun; sleep 1000"], try_on.env)
    child.stdout.wait_for("^begun$", limits.TRANSFER_DEADLINE)
    other = try_on.run("true").failed(1)
    assert "another scripts/try-on is running" in other.stderr, other
    os.kill(child.pid, signal.SIGKILL)
    wait_until(lambda: not try_on.processes(), "the processes of the killed run have ended")
    try_on.run("true").ok()
    assert not try_on.left()


def test_a_kept_system_goes_on_with_todays_commit(try_on):
    try_on.run("/bin/sh", "-c", "touch ~/built built && rm scripts/test && echo old > README.md", keep=True).ok()
    assert not try_on.left()
    try_on.run("/bin/sh", "-c", "[ -e ~/built ] && [ -e built ] && [ -x scripts/test ] && [ \"$(cat README.md)\" != old ]", keep=True).ok()
    assert not try_on.left()
    try_on.run("/bin/sh", "-c", "[ ! -e ~/built ]").ok()
