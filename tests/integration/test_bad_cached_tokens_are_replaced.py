"""A cached token that is no good is dropped and another one fetched, without a word to the user."""

import time

import pytest

from support import tokens
from support.clients import REFUSED, assert_fails

# What the client can see for itself, and what only the edge can.
BAD_TOKENS = {
    "expired": lambda token: tokens.with_claims(token, exp=int(time.time()) - 60),
    "for another application": lambda token: tokens.with_claims(token, aud=["0" * 64]),
    "not a token": lambda token: "nonsense",
    "empty": lambda token: "",
    "tampered with": lambda token: tokens.with_claims(token, email="mallory@example.com"),
    "signed wrongly": tokens.with_other_signature,
    "alg none": tokens.unsigned,
}


@pytest.mark.parametrize("bad", BAD_TOKENS.values(), ids=BAD_TOKENS.keys())
def test_bad_token_is_replaced_by_way_of_the_org_token(user, bad):
    path = user.token_file()
    path.write_text(bad(user.token()))
    stale = path.read_text()
    assert user.banner().startswith("SSH-2.0-")
    assert path.read_text() != stale
    assert user.browser_runs() == 1


@pytest.mark.parametrize("bad", BAD_TOKENS.values(), ids=BAD_TOKENS.keys())
def test_bad_token_and_no_org_token_need_the_browser(user, bad):
    path = user.token_file()
    path.write_text(bad(user.token()))
    user.file("*-org-token").unlink()
    assert user.banner().startswith("SSH-2.0-")
    assert user.browser_runs() == 2


def test_expired_token_is_removed_when_it_is_asked_for(user):
    path = user.token_file()
    path.write_text(BAD_TOKENS["expired"](user.token()))
    assert_fails(user.run("access", "token", user.edge.url()), REFUSED, "token", "login")
    assert not path.exists()


def test_expired_org_token_is_removed_and_the_browser_asked(user):
    org = user.file("*-org-token")
    org.write_text(tokens.with_claims(org.read_text(), exp=int(time.time()) - 60))
    user.token_file().unlink()
    assert user.banner().startswith("SSH-2.0-")
    assert user.browser_runs() == 2
    assert tokens.claims(org.read_text())["exp"] > time.time()


def test_rejected_token_does_not_spoil_ssh_gen(user):
    path = user.token_file()
    path.write_text(BAD_TOKENS["signed wrongly"](user.token()))
    user.ssh_gen().ok()
    assert user.file("*-cert.pub")
    assert user.browser_runs() == 1
