"""scripts/demo --keep stays up, what it prints works, and when it ends nothing of it is left."""

import os
import re
import signal

import pytest

from support import limits, process
from support.terminal import Terminal
from support.world import USER

SERVERS = ("throwaway-sshd", "cfpipe-edge dev")


class Demo:
    """The demo in a terminal, with the programs that are being tested and a directory for its temporary files."""

    def __init__(self, world):
        self.world = world
        env = {**world.env, "CFPIPE_BUILD": str(limits.BUILD)}
        self.terminal = world.closing(Terminal([limits.ROOT / "scripts/demo", "--keep"], env))
        self.terminal.expect("Everything stays up until Ctrl-C")
        self.lines = self.terminal.expect(r"(export CFPIPE_HOME=(?s:.+)cfpipe access token \S+)\r\n").group(1).splitlines()

    def run_printed(self, command, *more):
        """Does what a person would: the `export` line, then the line for that command."""
        export = self.lines[0]
        line = next(line for line in self.lines if line.startswith(f"{command} "))
        text = "\n".join([export, " ".join([line, *more])])
        return self.world.run(["bash", "-c", text], self.world.env)

    def server(self, words):
        """The id of the process below the demo whose command line has these words."""
        lines = {pid: " ".join(process.words(pid)) for pid in process.descendants()}
        found = [pid for pid, line in lines.items() if words in line]
        assert len(found) == 1, lines
        return found[0]

    def assert_nothing_is_left(self):
        # Processes are looked for by the world when it closes: whatever runs below this one then is a failure.
        assert list(self.world.path("tmp").iterdir()) == []


@pytest.fixture
def demo(world):
    return Demo(world)


def test_the_printed_lines_work_until_ctrl_c(demo):
    # What the account's own shell says before is not ours.
    assert demo.run_printed("ssh", "id", "-un").ok().stdout.splitlines()[-1] == USER
    assert re.fullmatch(r"[\w-]+(\.[\w-]+){2}", demo.run_printed("cfpipe access token").ok().stdout)
    demo.terminal.type("\x03")
    assert demo.terminal.wait() == 0, demo.terminal.screen
    assert "server has ended" not in demo.terminal.screen
    demo.assert_nothing_is_left()


def test_a_polite_end_is_status_143(demo):
    demo.terminal.process.send_signal(signal.SIGTERM)
    assert demo.terminal.wait() == 143, demo.terminal.screen
    demo.assert_nothing_is_left()


@pytest.mark.parametrize("name", SERVERS)
def test_a_server_that_dies_ends_it_with_a_word(demo, name):
    os.kill(demo.server(name), signal.SIGKILL)
    assert demo.terminal.wait() == 1, demo.terminal.screen
    logs = demo.terminal.screen.partition("demo: a server has ended; the last lines of the logs follow")[2]
    assert "serving vm.localhost from " in logs and "Accepted publickey for" in logs
    demo.assert_nothing_is_left()


def test_it_needs_nothing_of_the_callers_environment(world):
    temporary = world.path("with a space")
    temporary.mkdir()
    odd = {"TMPDIR": str(temporary), "TUNNEL_SERVICE_HOSTNAME": "other.invalid", "TUNNEL_SERVICE_TOKEN_ID": "no-such-id"}
    env = {**world.env, "CFPIPE_BUILD": str(limits.BUILD), **odd}
    del env["HOME"]
    done = world.run([limits.ROOT / "scripts/demo"], env).ok()
    assert "1000000 bytes, the same" in done.stdout
    assert list(temporary.iterdir()) == []


def test_a_directory_without_the_programs_is_refused(world):
    done = world.run([limits.ROOT / "scripts/demo"], {**world.env, "CFPIPE_BUILD": str(world.directory)})
    assert (done.status, done.output) == (64, b"")
    assert done.stderr == f"demo: not all of cfpipe cfpipe-edge are in CFPIPE_BUILD={world.directory}\n"
