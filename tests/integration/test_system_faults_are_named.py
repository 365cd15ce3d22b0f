"""Whatever system call fails: no crash, no loss that looks like success, one line that says why, nothing left behind."""

import os
import pathlib
import re
import signal

import pytest

from support import system_faults
from support.clients import CFPIPE, CONFIGURATION, UNAVAILABLE
from support.configured_edge import ConfiguredEdge
from support.edges import PROGRAMS

POLICIES = [{"name": "all", "decision": "allow", "include": [{"email_domain": "example.com"}]}]
REQUEST = b"".join(b"%07d\n" % i for i in range(5000))

pytestmark = system_faults.MARKS


@pytest.fixture
def user(world, kind):
    return system_faults.user_of_an_echo(world, kind)


def secrets_of(user):
    return [path.read_text().strip() for path in user.home.glob("*-token")]


def leftovers(user):
    return [path.name for path in user.home.iterdir() if path.name.startswith(".cfp")]


def for_every_fault(user, argv, prepare=lambda: None, check=lambda fault, finished: None, input=b"", least=20):
    """Records one run, then runs it with each of the faults, more than `least` of which it has to meet."""
    log = user.world.path("recorded.trace")
    argv = [CFPIPE, *argv]
    prepare()
    user.world.run([*system_faults.watching(log), *argv], user.env, input).ok()
    secrets, met = secrets_of(user), 0
    for fault in system_faults.faults_of(log):
        prepare()
        finished, was_met = system_faults.run(user.world, fault, argv, user.env, input)
        met += was_met
        system_faults.assert_named(fault, finished, system_faults.STATUSES, secrets)
        check(fault, finished)
        # One more error stands in the way of its removal; the next start does that.
        assert fault.call in ("unlink", "linkat", "link", "rename") or leftovers(user) == [], (fault, finished)
    assert met > least
    prepare()
    user.world.run(argv, user.env, input).ok()
    assert leftovers(user) == []


def test_a_tunnel_is_whole_or_says_why(user):
    def check(fault, finished):
        assert finished.status != 0 or finished.output == REQUEST, fault
        assert REQUEST.startswith(finished.output), fault

    for_every_fault(user, ["access", "ssh", "--hostname", user.edge.host()], check=check, input=REQUEST)


def test_a_certificate_is_whole_or_says_why(user):
    def prepare():
        for path in user.home.glob("*-cf_key*"):
            path.unlink()

    def check(fault, finished):
        assert finished.status != 0 or len(list(user.home.glob("*-cf_key-cert.pub"))) == 1, fault

    for_every_fault(user, ["access", "ssh-gen", "--hostname", user.edge.host()], prepare, check)


def test_a_login_brings_a_token_or_says_why(user):
    """By the token of the organisation, so that no sign-in is needed each time."""
    kept = {path: path.read_bytes() for path in user.home.glob("*-org-token")}

    def prepare():
        for path in [*user.home.glob("*-token"), *user.home.glob("*.lock")]:
            path.unlink()
        for path, content in kept.items():
            path.write_bytes(content)

    def check(fault, finished):
        assert finished.status != 0 or list(user.home.glob(f"{user.edge.hosts[0]}-*-token")), fault

    argv = ["access", "login", "--quiet", "--no-browser", "--login-timeout", "5s", user.edge.url()]
    for_every_fault(user, argv, prepare, check)


def test_logout_removes_the_tokens_or_says_why(user):
    kept = {path: path.read_bytes() for path in user.home.glob("*-token")}

    def prepare():
        for path, content in kept.items():
            path.write_bytes(content)

    def check(fault, finished):
        assert finished.status != 0 or not list(user.home.glob("*-token")), fault

    for_every_fault(user, ["access", "logout"], prepare, check, least=10)
    user.login()


def blocking_pipe(log):
    """Whether Boost.Asio's pipe for signals was left blocking: it does not look, and the edge then waits in a read for ever."""
    return re.search(r"F_SETFL.*\(INJECTED\)", log.read_text())


def start_edge(world, state, before, not_judged=lambda: False):
    """`cfpipe-edge dev` below strace, told to end once it is ready: whether it was, its status, its standard error.

    If not_judged() then, it is killed, and nothing is told.
    """
    argv = [*before, PROGRAMS["own"], "dev", "--listen", "127.0.0.1:0", "--auth-domain", "auth.localhost", "--origin",
            "127.0.0.1:1", "--email", "a@example.com", "--state", state]
    child = world.start(argv)
    try:
        child.stdout.wait_for(r"^ready ")
        ready = True
    except AssertionError:
        ready = False
    if ready:
        number = signal.SIGKILL if not_judged() else signal.SIGTERM
        children = pathlib.Path(f"/proc/{child.pid}/task/{child.pid}/children").read_text().split()
        os.kill(int(children[0]) if children else child.pid, number)
    status = child.wait()
    return (None if ready and number == signal.SIGKILL else ready), status, child.stderr.text


def test_an_edge_starts_or_says_why(world, kind):
    state, log = world.path("edge"), world.path("edge.trace")
    assert start_edge(world, state, system_faults.watching(log))[:2] == (True, 0)
    for fault in system_faults.faults_of(log):
        if fault.call in ("epoll_ctl", "write"):
            continue  # Boost.Asio does not look whether its pipe for signals can be watched, or its loops be woken
        met = world.path("fault.trace")
        ready, status, said = start_edge(world, state, fault.argv(met), not_judged=lambda: blocking_pipe(met))
        if ready is None:
            continue
        # One that ends by itself no longer listens to the signal that is on its way.
        overtaken = status == -signal.SIGTERM and said.endswith(" info ended\n")
        assert overtaken or status in (0, UNAVAILABLE, CONFIGURATION), (fault, status, said)
        assert status == 0 or "cfpipe-edge: " in said or " critical " in said, (fault, said)
        assert ready or status != 0, (fault, said)
    assert start_edge(world, state, [])[:2] == (True, 0)
    assert [path.name for path in state.iterdir() if path.name.startswith(".cfp")] == []


@pytest.mark.parametrize("name", ["SIGTERM", "SIGHUP"])
def test_a_signal_that_comes_as_the_edge_ends_by_itself_is_no_crash(world, kind, name):
    """It is refused the thread of its listener and gets the signal in the same moment, before its loop can look at either."""
    edge = ConfiguredEdge(world, "127.0.0.1:1", POLICIES)
    edge.stop()
    second_thread = ["-e", "trace=clone3", "-e", f"inject=clone3:error=EAGAIN:when=2:signal={name}"]
    log = world.path("fault.trace")
    finished = world.run([system_faults.STRACE, "-qq", "-o", log, *second_thread, PROGRAMS["own"], "run", "--config", edge.config])
    assert f"--- {name} " in log.read_text(), log.read_text()
    assert finished.status == UNAVAILABLE, finished
    assert "critical the listener failed" in finished.stderr and "reloaded" not in finished.stderr, finished
