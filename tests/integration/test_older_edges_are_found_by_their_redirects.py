"""Edges that sign no metadata: the application is found by where it redirects to, under a trusted auth domain only."""

import pytest

from support import edges
from support.clients import CONFIGURATION, PROTOCOL, REFUSED, assert_fails

OLDER = "meta-none"


def test_login_and_tunnel_work_as_with_any_edge(misbehaving):
    user = misbehaving(OLDER)
    assert user.browser_runs() == 1
    assert user.banner().startswith("SSH-2.0-")
    assert user.token_file()
    assert user.file("*-org-token")
    assert user.browser_runs() == 1


def test_certificate_is_made(misbehaving):
    user = misbehaving(OLDER)
    user.ssh_gen().ok()
    assert user.file("*-cert.pub")


def test_what_was_found_is_used_again(misbehaving):
    user = misbehaving(OLDER)
    user.banner()
    before = len(user.edge.requests())
    user.banner()
    asked = [event for event in user.edge.requests()[before:] if event["event"] == "request"]
    assert [event["upgrade"] for event in asked] == [True]


def test_untrusted_auth_domain_is_refused_and_never_asked(misbehaving):
    client = misbehaving(OLDER, login=False)
    client.trust("elsewhere.localhost")
    assert_fails(client.tunnel(), CONFIGURATION, "application", r"auth\.localhost:\d+.*--auth-domain")
    assert client.browser_runs() == 0
    assert {event["host"] for event in client.edge.requests() if event["event"] == "request"} == {edges.HOST}


@pytest.mark.parametrize("location, status, says", [
    ("https://evil.example.com/cdn-cgi/access/login/vm.localhost?kid=%K", CONFIGURATION, "evil.example.com"),
    ("https://auth.localhost.evil.example.com/cdn-cgi/access/login/vm.localhost?kid=%K", CONFIGURATION, "evil"),
    ("%H/cdn-cgi/access/login/vm.localhost?kid=%K", CONFIGURATION, "vm.localhost"),
    ("%A/cdn-cgi/access/login/vm.localhost", PROTOCOL, "names no application"),
    ("%A/cdn-cgi/access/login/vm.localhost?kid=../../x", PROTOCOL, "names no application"),
    ("%H/loop", CONFIGURATION, "too many redirects"),
    ("http://auth.localhost/cdn-cgi/access/login/vm.localhost?kid=%K", CONFIGURATION, "no Access application"),
    ("https://elsewhere.example.com/", CONFIGURATION, "no Access application"),
])
def test_hostile_redirect_is_not_believed(misbehaving, location, status, says):
    client = misbehaving(OLDER, f"login-location={location}", login=False)
    assert_fails(client.run("access", "login", client.edge.url()), status, "application", says)
    assert client.browser_runs() == 0
    assert not list(client.home.glob("*-token"))


def test_login_that_does_not_say_for_which_host_it_is_is_not_believed(misbehaving):
    client = misbehaving(OLDER, "login-no-domain", login=False)
    assert_fails(client.tunnel(), PROTOCOL, "application", "does not say for which host")


def test_application_without_a_login_is_named(misbehaving):
    client = misbehaving(OLDER, "app-status=403", login=False)
    assert_fails(client.tunnel(), REFUSED, "application", "status 403")
    assert client.browser_runs() == 0
