"""Few descriptors, little memory, small files: said as what they are, and no command ends by a signal."""

import os
import pathlib
import re
import signal

import pytest

from support import limits, system_faults
from support.clients import CFPIPE, CONFIGURATION, LOST, Client, assert_fails
from support.edges import Edge, PROGRAMS
from support.origin import Origin, answer_after_eof, sink
from support.process import wait_until

pytestmark = pytest.mark.parametrize("kind", ["own"], indirect=True)
# With fewer than these the loader itself cannot open the C library.
FEWEST_DESCRIPTORS = 4
DESCRIPTORS = range(FEWEST_DESCRIPTORS, 14)
# Documented, and not 75 or 77: nothing was lost or refused.
STATUSES = (64, 69, 70, 78)
BLOCK = 4096
without_descriptors = pytest.mark.skipif(limits.SANITIZED, reason="the sanitizers look at memory through a pipe of their own")


def limited(limit, argv):
    return ["/usr/bin/prlimit", *limit, "--", *argv]


@pytest.fixture
def user(world, kind):
    user = Client(world, Edge(world, kind, world.closing(Origin(answer_after_eof(BLOCK))).address))
    user.login()
    return user


@without_descriptors
@pytest.mark.parametrize("command", [
    ["access", "ssh", "--hostname", "{host}"],
    ["access", "ssh", "--hostname", "{host}", "--agent", "{agent}"],
    ["access", "ssh-gen", "--hostname", "{host}"],
    ["access", "login", "--quiet", "{url}"],
    ["access", "token", "{url}"],
    ["access", "logout"],
    ["access", "curl", "{url}", "-s", "-o", "/dev/null"],
    ["access", "ssh-config", "--hostname", "{host}"],
])
def test_few_descriptors_are_named(user, command):
    names = {"host": user.edge.host(), "url": user.edge.url(), "agent": str(user.world.path("agent"))}
    argv = [CFPIPE, *(word.format(**names) for word in command)]
    refused = 0
    for count in DESCRIPTORS:
        finished = user.world.run(limited([f"--nofile={count}"], argv), user.env)
        if finished.status == 0:
            continue
        if command[1] == "curl" and finished.stderr == "":
            continue  # curl's own, which was told to be silent
        system_faults.assert_named(count, finished, STATUSES)
        assert "Too many open files" in finished.stderr, (count, finished)
        refused += 1
    assert refused or command[1] in ("ssh-config", "logout")
    if command[1] == "logout":
        user.login()
    user.world.run(argv, user.env).ok()


@without_descriptors
def test_few_descriptors_keep_an_edge_from_starting_and_say_so(world, kind):
    refused = 0
    for count in range(FEWEST_DESCRIPTORS, 20, 2):
        child = world.start(limited([f"--nofile={count}"], [
            PROGRAMS["own"], "dev", "--listen", "127.0.0.1:0", "--state", world.path("edge"), "--origin", "127.0.0.1:1"]))
        try:
            child.stdout.wait_for(r"^ready ")
            assert child.stop() == 0, (count, child.stderr.text)
            continue
        except AssertionError:
            status = child.wait()
        refused += 1
        last = child.stderr.text.splitlines()[-1]
        assert status in (69, 78), (count, status, child.stderr.text)
        assert re.search("cfpipe-edge: .*(Too many open files|unable to open)", last), (count, child.stderr.text)
    assert refused


def test_an_output_that_may_grow_no_more_is_a_loss(user):
    for bytes_allowed in (0, BLOCK // 2):
        path = user.world.path("output")
        argv = limited([f"--fsize={bytes_allowed}"], [CFPIPE, "access", "ssh", "--hostname", user.edge.host()])
        with path.open("wb") as output:
            child = user.world.start(argv, user.env, stdout=output)
            assert child.wait() == LOST, child.stderr.text
        assert "standard input or output failed: File too large" in child.stderr.text
        assert path.stat().st_size <= bytes_allowed


def test_a_state_that_may_grow_no_more_is_named_and_leaves_nothing(user):
    for path in user.home.glob(f"{user.edge.hosts[0]}-*-token"):
        path.unlink()
    before = sorted(path.name for path in user.home.iterdir() if not path.name.endswith(".tls-ticket"))
    argv = limited(["--fsize=0"], [CFPIPE, "access", "login", "--quiet", user.edge.url()])
    assert_fails(user.world.run(argv, user.env), CONFIGURATION, "state", "File too large")
    after = sorted(path.name for path in user.home.iterdir() if not path.name.endswith(".tls-ticket"))
    assert after == before


def test_an_input_that_fails_is_a_loss_and_no_end(world, kind):
    """Reading address 0 of this process fails with EIO, as a file on a failing disk does."""
    origin = world.closing(Origin(sink))
    user = Client(world, Edge(world, kind, origin.address))
    user.login()
    with open("/proc/self/mem", "rb", buffering=0) as broken:
        child = user.start("access", "ssh", "--hostname", user.edge.host(), stdin=broken)
        with child.process.stdout as output:
            assert output.read() == b""
        assert child.wait() == LOST, child.stderr.text
    assert "standard input or output failed: Input/output error" in child.stderr.text
    origin.events.next()
    closes = wait_until(lambda: [row for row in user.edge.audit() if row["kind"] == "tunnel_close"], "the tunnel is closed")
    assert "1011" in closes[-1]["reason"]


@pytest.mark.skipif(limits.SANITIZED, reason="the sanitizers reserve terabytes")
def test_little_memory_is_named(user):
    def run(pages, *argv):
        return user.world.run(limited([f"--as={pages * BLOCK}"], [CFPIPE, *argv]), user.env)

    # Below this the program cannot be loaded.
    pages = next(pages for pages in range(1024, 1 << 20, 128) if run(pages, "--version").status == 0)
    refused = 0
    while (finished := run(pages, "access", "ssh", "--hostname", user.edge.host())).status != 0:
        system_faults.assert_named(pages, finished, STATUSES)
        refused += 1
        pages += 128
    assert refused and finished.output


def test_what_a_killed_client_leaves_is_swept_by_the_next(user):
    stale = user.home / ".cfp-AAAAAAAA"
    stale.write_text("half a private key")
    link = user.home / ".cfp-BBBBBBBB"
    link.symlink_to("/etc/passwd")
    user.tunnel().ok()
    assert not stale.exists() and os.path.lexists(link)
    stale.write_text("half a private key")
    user.run("access", "logout").ok()
    assert not stale.exists()


def test_no_file_of_an_edge_takes_the_place_of_a_closed_standard_stream(world, kind):
    shell = ["/bin/sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", PROGRAMS["own"], "dev", "--listen", "127.0.0.1:0", "--origin",
             "127.0.0.1:1", "--state", world.path("edge")]
    child = world.start(shell)
    wait_until(lambda: catches(child.pid, signal.SIGTERM), "the edge serves")
    assert [os.readlink(f"/proc/{child.pid}/fd/{fd}") for fd in range(3)] == ["/dev/null"] * 3
    assert child.stop() == 0


def catches(pid, number):
    caught = re.search(r"^SigCgt:\s*(\w+)$", pathlib.Path(f"/proc/{pid}/status").read_text(), re.MULTILINE).group(1)
    return int(caught, 16) & 1 << (number - 1)


@pytest.mark.parametrize("command", [["ca", "list"], ["audit"], ["service-token", "list"]])
def test_output_of_the_edges_commands_that_cannot_be_written_is_no_success(edge, command):
    edge.ca("show").ok()
    with open("/dev/full", "wb") as full:
        child = edge.world.start([PROGRAMS["own"], *command, "--state", edge.state], stdout=full)
        status = child.wait()
    said = child.stderr.text
    assert status in (0, 69) and (status == 0) == (said == ""), said
    if command == ["ca", "list"]:
        assert "standard output cannot be written" in said
