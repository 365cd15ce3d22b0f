"""A login shows a link of the edge's own that fits a line and can be typed; where the edge has none, the page's whole address."""

import time

import pytest

from support import limits, tokens, world as worlds
from support.clients import CFPIPE, Client
from support.supervised import Supervised
from support.terminal import Terminal

COLUMNS = 80
# Of a request to a server that accepts and never answers; a login that waited for that would be as slow.
HTTP_DEADLINE = 15.0


def waits(client, *more):
    """A login that has opened no browser, and the address that it shows."""
    child = client.start("access", "login", "--quiet", "--no-browser", *more, client.edge.url(), collect=True)
    return child, child.stderr.wait_for(r"^https://\S+$").group(0)


def open_elsewhere(client, address):
    client.world.run([client.env["BROWSER"], address], client.env).ok()


def ends_well(client, child):
    assert child.wait() == 0, child.stderr.text
    assert tokens.claims(client.token())["iss"] == f"https://{client.edge.auth_domain}"


@pytest.mark.parametrize("kind", ["own"], indirect=True)
@pytest.mark.parametrize("typed", [
    lambda link: link,
    lambda link: link.replace("-", ""),
    lambda link: link.upper(),
], ids=["as-shown", "without-dashes", "upper-case"])
def test_the_link_logs_in(client, typed):
    child, link = waits(client)
    assert client.edge.login_address().fullmatch(link) and len(link) <= COLUMNS
    open_elsewhere(client, typed(link))
    ends_well(client, child)


@pytest.mark.parametrize("kind", ["own"], indirect=True)
def test_a_link_that_was_opened_before_logs_in_too(client):
    """By a preview, or in a browser that its user then left."""
    child, link = waits(client)
    preview = ["curl", "-sS", "-o", "/dev/null", "-w", "%{http_code} %{redirect_url}\n", "--cacert", client.edge.ca_file]
    for head in ([], ["--head"]):
        status, page = client.world.run([*preview, *head, link], client.env).ok().stdout.split()
        assert status == "302" and page.startswith(f"{client.edge.url()}cdn-cgi/access/cli?"), page
    open_elsewhere(client, link)
    ends_well(client, child)


@pytest.mark.parametrize("kind", ["own"], indirect=True)
def test_the_browser_here_goes_straight_to_the_page(client):
    login = client.login()
    assert client.edge.login_address().search(login.stderr), login
    page, = client.pages_opened()
    assert page.startswith(f"{client.edge.url()}cdn-cgi/access/cli?") and "token=" in page
    assert "token=" not in login.stderr


def test_a_restart_keeps_the_link(world):
    supervised = Supervised(world)
    client = Client(world, supervised.edge)
    child, link = waits(client)
    supervised.replace()
    open_elsewhere(client, link)
    ends_well(client, child)


@pytest.mark.parametrize("fault", [None, "http-hang", "hang-up", "garbage-answer", "huge-header"])
def test_an_edge_without_such_links_is_logged_in_to_by_the_whole_address(misbehaving, fault):
    """Another product, an older edge, or one whose answer makes no sense; nothing is said of it but in the log."""
    client = misbehaving(*([f"{fault}=/cdn-cgi/access/cli-link"] if fault else []), login=False)
    log = client.world.path("client.log")
    before = time.monotonic()
    child, url = waits(client, "--log-level", "debug", "--log-file", str(log))
    assert time.monotonic() - before < HTTP_DEADLINE or limits.SANITIZED
    assert client.edge.login_address().fullmatch(url)
    assert "the login has no short link: " in log.read_text()
    open_elsewhere(client, url)
    ends_well(client, child)
    assert len(child.stderr.text.splitlines()) == 2, child.stderr.text


@pytest.mark.parametrize("kind", ["own"], indirect=True)
def test_a_process_that_waits_shows_the_link_too_and_says_when_it_is_done(client):
    child, link = waits(client)
    argv = [CFPIPE, "access", "login", "--quiet", client.edge.url()]
    terminal = client.world.closing(Terminal(argv, client.env, COLUMNS))
    assert terminal.expect(r"another process is logging in; .*:\r\n(https://\S+)\r\n").group(1) == link
    open_elsewhere(client, link)
    ends_well(client, child)
    assert terminal.wait() == 0
    assert f"cfpipe: login: you are logged in as {worlds.EMAIL} until " in terminal.screen
    assert client.pages_opened() == [link], "no other browser was opened"
