"""A client that waits for a sign-in ends when the browser was turned away, with the reason: at once, and not when its patience
does."""

import subprocess

import pytest

from support import limits, world as worlds
from support.clients import CFPIPE, Client, REFUSED
from support.configured_edge import ConfiguredEdge
from support.visitor import Form, Web

POLICIES = [{"name": "staff", "decision": "allow", "include": [{"email_domain": "example.com"}],
             "exclude": [{"email": "mallory@example.com"}]}]
SIGN_IN = r"https://auth\.localhost:\d+/l/\S+"


@pytest.fixture
def edge(world, sshd):
    return ConfiguredEdge(world, sshd.address, POLICIES)


def waiting(client):
    """A login that has opened no browser, and the URL that it waits at."""
    child = client.world.start([CFPIPE, "access", "login", "--no-browser", client.edge.url()], client.env,
                               stdin=subprocess.DEVNULL)
    return child, child.stderr.wait_for(SIGN_IN).group(0)


def test_denied_by_a_policy(world, edge):
    client = Client(world, edge)
    client.env["CFPIPE_BROWSER_EMAIL"] = "mallory@example.com"
    refused = client.tunnel()
    assert refused.status == REFUSED, refused
    assert "cfpipe: login: the edge refused access: mallory@example.com may not reach vm.localhost: policy 'staff'" \
        in refused.stderr, refused


def test_declined_by_the_person(world, edge):
    web = Web(edge.ca_file)
    answer = web.submit(web.follow(edge.url()), email=worlds.EMAIL)
    assert web.follow(answer).status == 200
    child, url = waiting(Client(world, edge))
    page = web.follow(url)
    form = Form(page.page)
    assert "Decline" in page.page and "answer" not in form.inputs
    answer = web.submit(page, answer="no")
    assert answer.status == 200 and "Declined" in answer.page
    assert child.wait(limits.COMMAND_DEADLINE) == REFUSED
    assert "cfpipe: login: the login did not succeed: access was declined in the browser" in child.stderr.text


def test_an_account_that_may_not_is_told_in_the_browser_that_has_it(world, edge):
    """No button is pressed: the browser was signed in as another user."""
    web = Web(edge.ca_file)
    assert web.submit(web.follow(edge.url()), email="mallory@example.com").status == 403
    child, url = waiting(Client(world, edge))
    assert web.submit(web.follow(url), email="mallory@example.com").status == 403
    assert child.wait(limits.COMMAND_DEADLINE) == REFUSED
    assert "mallory@example.com may not reach" in child.stderr.text


def test_those_who_wait_for_the_same_login_hear_of_it(world, edge):
    web = Web(edge.ca_file)
    client = Client(world, edge)
    first, url = waiting(client)
    second, seen = waiting(client)
    assert seen == url
    web.submit(web.follow(url), email="mallory@example.com")
    assert first.wait(limits.COMMAND_DEADLINE) == REFUSED
    assert second.wait(limits.COMMAND_DEADLINE) == REFUSED
    assert "mallory@example.com may not reach" in second.stderr.text
