"""However ssh goes, SIGKILL included, its ProxyCommand goes too, from every stage, and leaves nothing behind."""

import os
import pathlib
import signal
import socket
import subprocess
import time

import pytest

from support import limits, process, stream
from support.clients import CFPIPE, Client, Ssh
from support.edges import Edge, HOST
from support.listener import first_line
from support.origin import Origin, echo, sink

# An edge that takes nothing gets what is left for as long as it moves, and 7 s when nothing does.
END_SECONDS = 30 if limits.SANITIZED else 15


def clients_below(pid):
    """Ids of the cfpipe processes below a process."""
    found = {}
    for below in process.descendants():
        try:
            above = list(ancestors(below))
            if os.readlink(f"/proc/{below}/exe") == str(CFPIPE) and pid in above:
                found[below] = above[0]
        except OSError:
            pass  # gone
    # One that it has forked is not yet the browser that it will become.
    return [one for one, parent in found.items() if parent not in found]


def ancestors(pid):
    while pid > 1:
        pid = int(pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[1])
        yield pid


def kill_and_see_it_end(ssh):
    """SIGKILLs ssh and asserts that its cfpipe ends by itself."""
    client, = clients_below(ssh.pid)
    ssh.process.send_signal(signal.SIGKILL)
    assert process.wait_until_gone(client, END_SECONDS), f"cfpipe {client} still runs"
    close_pipes(ssh)


def close_pipes(child):
    for pipe in (child.process.stdin, child.process.stdout):
        if pipe:
            pipe.close()
    child.wait()


def assert_nothing_is_left(client):
    left = [p.name for p in client.home.iterdir() if p.name.endswith((".lock", ".url")) or p.name.startswith("agent-")]
    assert not left


def with_a_shell_between(text):
    """The same configuration with a shell that waits for cfpipe instead of becoming it."""
    before, command = text.split("ProxyCommand ", 1)
    command, after = command.split("\n", 1)
    return f"{before}ProxyCommand {command}; true\n{after}"


@pytest.fixture(params=[False, True], ids=["direct", "with a shell between"])
def wrap(request):
    return with_a_shell_between if request.param else lambda text: text


def test_a_session_ends(user, wrap):
    ssh = Ssh(user, text=wrap(Ssh(user, "agent").text))
    session = ssh.start("echo here; cat")
    assert session.process.stdout.readline() == b"here\n"
    assert list(user.home.glob("agent-*"))
    kill_and_see_it_end(session)
    assert_nothing_is_left(user)


def unhelpful_browser(client):
    """Takes the URL and does nothing: the login waits."""
    client.env["BROWSER"] = str(client.world.script("no-browser", "exit 0"))


def test_a_login_that_is_waited_for_ends(client, wrap):
    unhelpful_browser(client)
    ssh = Ssh(client, text=wrap(Ssh(client, "agent").text))
    session = ssh.start("true")
    session.stderr.wait_for(r"^https://\S+$")
    assert list(client.home.glob("*.lock")) and list(client.home.glob("*.url"))
    kill_and_see_it_end(session)
    assert_nothing_is_left(client)


def test_a_login_in_match_exec_ends(client):
    """ssh-gen has /dev/null for input and output there: its parent is all it can look at."""
    unhelpful_browser(client)
    session = Ssh(client, "match").start("true")
    session.stderr.wait_for(r"^https://\S+$")
    kill_and_see_it_end(session)
    assert_nothing_is_left(client)


def test_a_dial_ends(user, wrap):
    """The other end takes the connection and never says a word of TLS."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        way = f"--connect-to 127.0.0.1:{silent.getsockname()[1]}"
        text = Ssh(user, "agent").text.replace(" access ssh ", f" access ssh {way} ")
        session = Ssh(user, text=wrap(text)).start("true")
        with silent.accept()[0]:
            kill_and_see_it_end(session)
    assert_nothing_is_left(user)


def test_an_upgrade_that_is_not_answered_ends(misbehaving, wrap):
    client = misbehaving("upgrade-hang")
    session = Ssh(client, text=wrap(Ssh(client, "agent").text)).start("true")
    deadline = time.monotonic() + limits.COMMAND_DEADLINE
    while not any(request.get("upgrade") for request in client.edge.requests()):
        assert time.monotonic() < deadline, "the upgrade never came"
        time.sleep(0.02)
    kill_and_see_it_end(session)
    assert_nothing_is_left(client)


def test_a_tunnel_before_an_edge_that_takes_nothing_ends(world):
    """What is left cannot be sent, and that is not waited for."""
    origin = world.closing(Origin(echo))
    client = Client(world, Edge(world, "mock", origin.address, faults=["stall-reading"]))
    client.login()
    child = client.start("access", "ssh", "--hostname", client.edge.host())
    pipe = child.process.stdin.fileno()
    os.set_blocking(pipe, False)
    stuck = time.monotonic() + 2
    while time.monotonic() < stuck:  # until nothing has gone in for two seconds
        try:
            os.write(pipe, bytes(65536))
            stuck = time.monotonic() + 2
        except BlockingIOError:
            time.sleep(0.02)
    child.process.stdin.close()
    child.process.stdout.close()
    assert child.wait(END_SECONDS) == 0, child.stderr.text


@pytest.mark.parametrize("number", [signal.SIGHUP, signal.SIGTERM])
def test_signals_end_it_before_an_edge_that_takes_nothing(world, number):
    origin = world.closing(Origin(echo))
    client = Client(world, Edge(world, "mock", origin.address, faults=["stall-reading"]))
    client.login()
    child = client.start("access", "ssh", "--hostname", client.edge.host())
    os.set_blocking(child.process.stdin.fileno(), False)
    full = 0
    while full < 50:
        try:
            os.write(child.process.stdin.fileno(), bytes(65536))
            full = 0
        except BlockingIOError:
            full += 1
            time.sleep(0.02)
    assert child.stop(number) == 0, child.stderr.text
    child.process.stdin.close()
    child.process.stdout.close()


def test_what_was_said_before_both_ends_closed_arrives(world, kind):
    """A program that writes and goes without waiting for an answer: the same look, and nothing is lost."""
    total = 3 * limits.MIB + 7
    origin = world.closing(Origin(sink))
    client = Client(world, Edge(world, kind, origin.address))
    client.login()
    child = client.start("access", "ssh", "--hostname", client.edge.host())
    child.process.stdout.close()
    for block in stream.blocks(total):
        stream.write_all(child.process.stdin.fileno(), block)
    child.process.stdin.close()
    assert origin.events.next() == (stream.digest(total), total)
    assert child.wait() == 0, child.stderr.text


def test_a_session_that_ssh_takes_to_the_background_goes_on(user):
    """ControlPersist: the ssh that started us ends, a child of its own holds the session."""
    ssh = Ssh(user, "agent")
    options = ["-o", f"ControlPath={user.world.path('control')}"]
    # A file: the background master keeps it open for as long as it lives.
    with open(user.world.path("master.log"), "wb") as log:
        argv = ["/usr/bin/ssh", "-F", ssh.config, "-o", "ControlMaster=yes", "-o", "ControlPersist=600", *options, HOST, "true"]
        assert subprocess.run(argv, env=user.env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                              timeout=limits.COMMAND_DEADLINE).returncode == 0
    client, = clients_below(os.getpid())
    assert ssh.run("echo still here", *options).ok().stdout == "still here\n"
    assert clients_below(os.getpid()) == [client]
    user.world.run(["/usr/bin/ssh", "-F", ssh.config, "-O", "exit", *options, HOST], user.env).ok()
    assert process.wait_until_gone(client, END_SECONDS)
    assert_nothing_is_left(user)


def test_a_listener_outlives_what_started_it(user):
    log = user.world.path("listener.log")
    log.touch()  # the shell makes it in the background, which may be after the first look
    script = f"{CFPIPE} access tcp --hostname {user.edge.host()} --url 127.0.0.1:0 >/dev/null 2>{log} </dev/null &"
    subprocess.run(["/bin/sh", "-c", script], env=user.env, timeout=limits.COMMAND_DEADLINE, check=True)
    deadline = time.monotonic() + limits.READY_DEADLINE
    while "listening on" not in log.read_text():
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.02)
    listener, = clients_below(os.getpid())
    try:
        port = int(log.read_text().rsplit(":", 1)[1])
        for _ in range(2):
            with socket.create_connection(("127.0.0.1", port), limits.COMMAND_DEADLINE) as connection:
                assert first_line(connection).startswith("SSH-2.0-")
    finally:
        os.kill(listener, signal.SIGTERM)
    assert process.wait_until_gone(listener, END_SECONDS)
