"""`cfpipe status`: what this user is signed in to and until when, certificates in files, and open sessions."""

import json
import re
import time

from support import world as worlds
from support.clients import CFPIPE, Ssh
from support.process import descendant


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
    assert re.search(rf"^  {user.edge.hosts[0]} +as {worlds.USER} +since .* process {process}$", user.run("status").ok().stdout, re.M)
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
