"""Secrets are in no core file and in no list of processes."""

import os
import pathlib
import resource
import shutil
import signal
import subprocess
import sys

import pytest

from support import limits, process
from support.clients import CFPIPE, Ssh
from support.configured_edge import ConfiguredEdge

PLANTED = "planted-5c0d3f11"
ROOT_ONLY = pytest.mark.skipif(os.getuid() != 0, reason="only root can raise a limit again")
NOT_SANITIZED = pytest.mark.skipif(limits.SANITIZED, reason="the leak checker needs to look into the process")
OTHER_USER = 65534


def command_lines():
    """Of everything below this process, joined."""
    return "\n".join(" ".join(process.words(pid)) for pid in process.descendants())


def crash(pid):
    """Asks for a core as loudly as can be, and returns whether one was written."""
    try:
        resource.prlimit(pid, resource.RLIMIT_CORE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    except PermissionError:
        pass  # not even root may here, so the limit that the process has set itself stands
    os.kill(pid, signal.SIGSEGV)
    _, status = os.waitpid(pid, 0)
    assert os.WIFSIGNALED(status), status
    return os.WCOREDUMP(status)


@pytest.fixture
def cores(world):
    """A directory in which this machine writes cores of ordinary processes."""
    directory = world.path("cores")
    directory.mkdir()
    sleeper = subprocess.Popen(["sleep", "1000"], cwd=directory)
    if not crash(sleeper.pid):
        pytest.skip("no process leaves a core here (core_pattern)")
    sleeper.returncode = -signal.SIGSEGV
    return directory


def open_tunnel(user, *options, **more):
    child = user.start("access", "ssh", "--hostname", user.edge.host(), *options, **more)
    assert child.process.stdout.readline().startswith(b"SSH-"), child.stderr.text
    return child


@ROOT_ONLY
@NOT_SANITIZED
@pytest.mark.parametrize("kind", ["own"], indirect=True)
def test_neither_program_leaves_a_core(user, cores):
    client = open_tunnel(user, cwd=cores)
    before = set(cores.iterdir())
    for child in (client, user.edge.child):
        assert not crash(child.pid)
        child.process.returncode = -signal.SIGSEGV
    assert set(cores.iterdir()) == before
    client.process.stdin.close()
    client.process.stdout.close()


@pytest.mark.parametrize("kind", ["own"], indirect=True)
def test_no_mapping_goes_into_a_core_that_root_takes(user):
    client = open_tunnel(user)
    for child in (client, user.edge.child):
        filter_ = pathlib.Path(f"/proc/{child.pid}/coredump_filter")
        try:
            assert int(filter_.read_text(), 16) == 0
        except PermissionError:
            assert os.getuid() != 0  # then the process belongs to root, as it should
    client.process.stdin.close()
    assert client.wait() == 0
    client.process.stdout.close()


@ROOT_ONLY
@NOT_SANITIZED
@pytest.mark.skipif(not shutil.which("gdb"), reason="gdb takes cores, and is not installed here")
def test_a_core_that_root_takes_holds_no_secret(world):
    env = {**world.env, "CFPIPE_HOME": str(world.path("state")), "TUNNEL_SERVICE_TOKEN_ID": "some.access",
           "TUNNEL_SERVICE_TOKEN_SECRET": PLANTED}
    world.path("state").mkdir(mode=0o700)
    listener = world.start([CFPIPE, "access", "tcp", "--hostname", "absent.localhost:1", "--url", "127.0.0.1:0"], env)
    listener.stderr.wait_for("listening on")

    def core(name, *settings):
        path = world.path(name)
        commands = [*settings, f"attach {listener.pid}", f"gcore {path}"]
        world.run(["gdb", "-q", "-batch", *(part for command in commands for part in ("-ex", command))])
        if not path.exists():
            pytest.skip("no debugger may look into another process here")
        return path.read_bytes()

    assert PLANTED.encode() in core("whole-core", "set use-coredump-filter off"), "or this test shows nothing"
    assert PLANTED.encode() not in core("core")
    assert listener.stop() == 0


@ROOT_ONLY
@NOT_SANITIZED
def test_a_user_cannot_read_the_memory_of_their_own_process(world):
    program = world.for_everyone(CFPIPE)
    state = world.path("state-of-other-user")
    state.mkdir(mode=0o700)
    os.chown(state, OTHER_USER, OTHER_USER)
    env = {**world.env, "CFPIPE_HOME": str(state)}
    as_other_user = dict(user=OTHER_USER, group=OTHER_USER, extra_groups=[], env=env, stdin=subprocess.DEVNULL, stderr=subprocess.PIPE)
    look = "import sys; open(f'/proc/{sys.argv[1]}/mem', 'rb')"

    def readable(pid):
        return subprocess.run([sys.executable, "-c", look, str(pid)], **as_other_user).returncode == 0

    listening = [program, "access", "tcp", "--hostname", "absent.localhost:1", "--url", "127.0.0.1:0"]
    client = subprocess.Popen(listening, **as_other_user)
    sleeper = subprocess.Popen(["sleep", "1000"], **as_other_user)
    try:
        assert b"listening on" in client.stderr.readline()
        assert readable(sleeper.pid), "or this test shows nothing"
        assert not readable(client.pid)
    finally:
        for child in (client, sleeper):
            child.kill()
            child.wait()
            child.stderr.close()


def test_a_private_key_that_all_can_read_is_pointed_out(world, sshd):
    edge = ConfiguredEdge(world, sshd.address, [{"name": "all", "decision": "allow", "include": [{"everyone": True}]}])
    edge.stop()
    assert "private key" not in edge.child.stderr.text
    (edge.state / "tls-key.pem").chmod(0o644)
    again = world.start([*edge.child.argv])
    again.ready_port()
    # Its word to be ready comes by another way.
    again.stderr.wait_for("tls-key.pem: everybody on this machine can use this private key")
    assert again.stop() == 0


@pytest.mark.parametrize("style", ["agent", "match"])
def test_tokens_and_keys_are_not_in_the_list_of_processes(user, style):
    session = Ssh(user, style).start("echo open; cat")
    assert session.process.stdout.readline() == b"open\n", session.stderr.text
    shown = command_lines()
    assert "access" in shown and user.edge.host() in shown
    tokens = [path.read_text().strip() for path in user.home.glob("*-token")]
    assert tokens
    assert [token for token in tokens if token in shown or token.split(".")[2] in shown] == []
    session.process.stdin.close()
    assert session.wait() == 0
    session.process.stdout.close()
