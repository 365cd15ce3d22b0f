"""A login reads nothing from standard input or the terminal, whatever they are, and manages without standard error."""

import re

import pytest

from support.clients import CFPIPE, Client
from support.edges import Edge
from support.logins import HeldBrowser
from support.origin import Origin, echo
from support.terminal import Terminal


@pytest.fixture
def echoed(world, kind):
    return Client(world, Edge(world, kind, world.closing(Origin(echo)).address))


def test_what_comes_in_before_the_login_goes_through_the_tunnel_after_it(echoed):
    browser = HeldBrowser(echoed)
    child = echoed.start("access", "ssh", "--hostname", echoed.edge.host(), env=browser.env)
    early = b"typed before the login\n"
    child.process.stdin.write(early)
    child.process.stdin.flush()
    child.stderr.wait_for("^https://")
    browser.release()
    with child.process.stdout as output:
        assert output.read(len(early)) == early
        child.process.stdin.close()
        assert output.read() == b""
    assert child.wait() == 0, child.stderr.text


def test_what_is_typed_ahead_on_the_terminal_stays_for_the_shell(client):
    script = f'{CFPIPE} access login --quiet {client.edge.url()}; read line; echo "shell got <$line>"'
    terminal = client.world.closing(Terminal(["sh", "-c", script], client.env))
    terminal.type("typed ahead\n")
    terminal.expect("shell got <typed ahead>")
    assert terminal.wait() == 0
    assert client.browser_runs() == 1


@pytest.mark.parametrize("closed", ["2>&-", "<&- 2>&-", "<&- >&- 2>&-"])
def test_closed_standard_streams_are_no_hindrance(client, closed):
    log = client.world.path("client.log")
    words = f"{CFPIPE} access login --quiet --log-level debug --log-file {log} {client.edge.url()}"
    client.world.run(["sh", "-c", f"exec {words} {closed}"], client.env).ok()
    assert client.browser_runs() == 1
    assert client.token()
    # Its descriptor must not be the one that words for a person go to.
    text = log.read_text()
    assert "cfpipe: " not in text and not re.search("/cdn-cgi/access/cli[?]|/l/|token=", text), text


def test_closed_standard_error_is_no_hindrance_to_a_tunnel(client):
    words = f"{CFPIPE} access ssh --hostname {client.edge.host()}"
    done = client.world.run(["sh", "-c", f"exec {words} 2>&-"], client.env).ok()
    assert done.stdout.startswith("SSH-2.0-")
    assert client.browser_runs() == 1
