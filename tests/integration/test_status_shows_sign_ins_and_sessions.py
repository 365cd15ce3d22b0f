"""`cfpipe status`: what this user is signed in to and until when, certificates in files, and open sessions."""

import fcntl
import json
import os
import re
import socket
import time

import pytest

from support import world as worlds
from support.clients import CFPIPE, Ssh
from support.origin import Origin, echo
from support.process import descendant, wait_until
from support.way import Way, answers, end


def status(client):
    return json.loads(client.run("status", "--json").ok().stdout)


def session_of(client, process):
    """What it says of that process; other tests' processes are this user's as well."""
    return next((one for one in status(client)["sessions"] if one["process"] == process), None)


def test_a_fresh_user_is_signed_in_to_nothing(client):
    assert client.run("status").ok().stdout.startswith("Signed in\n  none\nCertificates in files\n  none\nOpen sessions\n")
    assert status(client)["signed_in"] == []
    assert client.browser_runs() == 0


def test_a_sign_in_and_its_certificate_are_shown_with_their_expiry(user):
    user.ssh_gen().ok()
    shown = status(user)
    application, domain = shown["signed_in"]
    if not application["application"]:
        application, domain = domain, application
    assert (application["application"], application["identity"]) == (user.edge.hosts[0], worlds.EMAIL)
    assert (domain["application"], domain["identity"]) == ("", worlds.EMAIL)
    assert application["auth_domain"] == domain["auth_domain"]
    assert domain["auth_domain"].startswith(f"{user.edge.auth_host}:")
    assert application["expires"] > time.time()
    certificate, = shown["certificates"]
    assert certificate["file"] == str(user.home / f"{user.edge.hosts[0]}-cf_key-cert.pub")
    assert certificate["principals"] == [worlds.USER] and 0 < certificate["expires"] - time.time() < 600
    text = user.run("status").ok().stdout
    assert re.search(rf"^  vm\.localhost +{re.escape(worlds.EMAIL)} +until \d{{4}}-\d\d-\d\d \d\d:\d\d \(\d+[dhm]( \d+[hms])?\)$", text, re.M), text
    assert re.search(rf"-cf_key-cert\.pub +for {worlds.USER} +until .* \(\dm( \d+s)?\)$", text, re.M), text


def test_a_sign_in_that_is_removed_is_not_shown(user):
    user.run("logout").ok()
    assert status(user)["signed_in"] == []


def test_an_open_session_is_shown_until_it_ends(user):
    ssh = Ssh(user, "agent")
    session = ssh.start("echo open; cat")
    assert session.process.stdout.readline() == b"open\n", session.stderr.text
    process = descendant(str(CFPIPE), "ssh", user.edge.host())
    shown = session_of(user, process)
    assert (shown["application"], shown["user"], shown["listens"]) == (user.edge.hosts[0], worlds.USER, "")
    assert 0 <= time.time() - shown["since"] < 120
    assert re.search(rf"^  {user.edge.hosts[0]} +as {worlds.USER} +since .* process {process}\b", user.run("status").ok().stdout, re.M)
    session.process.stdin.close()
    assert session.wait() == 0, session.stderr.text
    session.process.stdout.close()
    assert session_of(user, process) is None


def test_a_listener_is_shown_with_its_address(user):
    socket = user.world.path("socket")
    listener = user.start("access", "tcp", "--hostname", user.edge.host(), "--url", f"unix:{socket}")
    listener.stderr.wait_for(str(socket))
    assert session_of(user, listener.process.pid)["listens"] == f"unix:{socket}"


def test_a_file_that_cannot_be_used_is_named(user):
    user.token_file().write_text("no token")
    problem, = [one for one in status(user)["signed_in"] if "problem" in one]
    assert (problem["application"], problem["problem"]) == (user.edge.hosts[0], "is no token; cfpipe logout removes it")
    user.token_file().chmod(0o666)
    problem, = [one for one in status(user)["signed_in"] if "problem" in one]
    assert str(user.token_file()) in problem["problem"]


def test_secrets_stay_out_of_it(user):
    user.ssh_gen().ok()
    tokens = [p.read_text() for p in user.home.glob("*-token")]
    assert len(tokens) == 2
    for form in ([], ["--json"]):
        text = user.run("status", *form).ok().stdout
        assert not any(part in text for token in tokens for part in token.split("."))


def session_files(client):
    return list(client.home.glob("sessions/*"))


def published(client, child):
    """What a process tells of itself, once it does."""
    return wait_until(lambda: (one := session_of(client, child.pid)) and "state" in one and one, "the session is published")


@pytest.fixture
def way(world):
    return Way(world, world.closing(Origin(echo)).address)


def test_a_session_is_attached_or_detached(way):
    child = way.start()
    assert answers(child, b"before")
    shown = published(way.client, child)
    assert (shown["state"], shown["tunnels"], shown["resumed"]) == ("attached", 1, 0)
    for number in range(1, 3):
        way.way.break_now()
        shown = wait_until(lambda: (one := session_of(way.client, child.pid))["state"] == "detached" and one, "it is detached")
        assert 0 <= time.time() - shown["detached_since"] < 60 and shown["detached"] == 1
        line = re.search(rf"process {child.pid} +(.*)", way.client.run("status").ok().stdout).group(1)
        assert re.match(r"no connection since \d\d:\d\d \(\d+s\), dialling again", line), line
        way.way.mend()
        assert answers(child, b"after")
        shown = wait_until(lambda: (one := session_of(way.client, child.pid))["state"] == "attached" and one, "it is attached")
        assert shown["resumed"] == number and "detached_since" not in shown
    assert re.search(rf"process {child.pid} +attached, resumed 2 times\n", way.client.run("status").ok().stdout)
    file, = session_files(way.client)
    assert file.stat().st_mode & 0o777 == 0o600 and file.parent.stat().st_mode & 0o777 == 0o700
    assert end(child) == 0 and child.stderr.text == ""
    assert session_of(way.client, child.pid) is None and session_files(way.client) == []


def test_the_session_of_a_process_that_was_killed_is_not_shown(way):
    killed, other = way.start(), way.start()
    for child in (killed, other):
        assert answers(child, b"before")
        published(way.client, child)
    killed.kill()
    assert len(session_files(way.client)) == 2
    assert session_of(way.client, killed.pid) is None
    assert session_of(way.client, other.pid)["state"] == "attached"
    assert len(session_files(way.client)) == 1
    assert end(other) == 0


def test_a_listener_tells_how_many_tunnels_it_has(user):
    path = user.world.path("socket")
    listener = user.start("access", "tcp", "--hostname", user.edge.host(), "--url", f"unix:{path}")
    listener.stderr.wait_for(str(path))
    assert published(user, listener)["tunnels"] == 0
    with socket.socket(socket.AF_UNIX) as one, socket.socket(socket.AF_UNIX) as two:
        for connection in (one, two):
            connection.connect(str(path))
            assert connection.recv(4) == b"SSH-"
        wait_until(lambda: session_of(user, listener.pid)["tunnels"] == 2, "both are told of")
        assert re.search(rf"process {listener.pid} +2 tunnels\n", user.run("status").ok().stdout)
    wait_until(lambda: session_of(user, listener.pid)["tunnels"] == 0, "both have ended")


def test_a_session_that_cannot_be_published_goes_on(way):
    (way.client.home / "sessions").write_text("in the way")
    child = way.start("--log-level", "debug")
    assert answers(child, b"before")
    wait_until(lambda: "cfpipe status is not told of this session: " in way.log(), "the log says so")
    assert answers(child, b"after")
    assert "state" not in session_of(way.client, child.pid)
    assert end(child) == 0 and child.stderr.text == ""


def test_rubbish_among_the_sessions_is_passed_over(client):
    sessions = client.home / "sessions"
    sessions.mkdir(parents=True, mode=0o700)
    os.mkfifo(sessions / "fifo.session", 0o600)
    (sessions / "link.session").symlink_to("/dev/zero")
    (sessions / "directory.session").mkdir()
    hostile = json.dumps({"process": 1, "application": "\x1b[2J\x9b", "tunnels": 1}).ljust(4095) + "\n"
    with (sessions / "held.session").open("w") as held, (sessions / "huge.session").open("w") as huge:
        for file in (held, huge):
            fcntl.flock(file, fcntl.LOCK_EX)
        held.write(hostile)
        held.flush()
        huge.truncate(1 << 40)
        text = client.run("status").ok().stdout
        assert re.search(r"process 1 +attached\n", text) and not re.search(r"[^ -~\n]", text)
        assert not re.search(r"[^ -~\n]", client.run("status", "--json").ok().stdout)
    client.run("status").ok()
    assert sorted(path.name for path in sessions.iterdir()) == ["directory.session", "fifo.session", "link.session"]
