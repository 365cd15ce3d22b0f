"""An application cannot name its own authority: the user does, once."""

import pytest

from support import edges
from support.clients import CONFIGURATION, assert_fails


@pytest.fixture
def stranger(client):
    """A client that trusts no auth domain besides the built-in ones."""
    (client.home / "trusted-auth-domains").unlink()
    return client


def test_unknown_auth_domain_is_refused_and_the_option_named(stranger):
    finished = stranger.tunnel()
    assert_fails(finished, CONFIGURATION, "application", "--auth-domain")
    assert stranger.browser_runs() == 0
    assert not list(stranger.home.glob("*-token"))


def test_trusted_auth_domain_is_remembered(stranger):
    stranger.run("access", "login", "--auth-domain", edges.AUTH_HOST, stranger.edge.url()).ok()
    assert (stranger.home / "trusted-auth-domains").read_text() == f"{edges.AUTH_HOST}\n"
    assert stranger.banner().startswith("SSH-2.0-")
    assert stranger.browser_runs() == 1


def test_another_auth_domain_does_not_help(stranger):
    finished = stranger.tunnel("--auth-domain", "login.example.com")
    assert_fails(finished, CONFIGURATION, "application", "--auth-domain")
