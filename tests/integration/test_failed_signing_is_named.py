"""A certificate that was not signed, or not for this key, is never written or used."""

import pytest

from support.clients import PROTOCOL, REFUSED, assert_fails


@pytest.mark.parametrize("answer", [403, 404, 500])
def test_refusal_is_named_with_its_status(misbehaving, answer):
    client = misbehaving(f"sign-status={answer}")
    assert_fails(client.ssh_gen(), REFUSED, "certificate", f"status {answer}")
    assert not list(client.home.glob("*-cert.pub"))
    assert client.browser_runs() == 1


@pytest.mark.parametrize("fault", ["sign-garbage", "sign-wrong-key"])
def test_certificate_that_is_none_is_a_fault_of_the_protocol(misbehaving, fault):
    client = misbehaving(fault)
    token = client.token_file().read_text()
    assert_fails(client.ssh_gen(), PROTOCOL, "certificate")
    assert not list(client.home.glob("*-cert.pub"))
    assert client.token_file().read_text() == token


def test_plain_text_refusal_makes_the_client_try_once_more_with_a_fresh_token(misbehaving):
    """An expired token has been seen to be answered in plain text: never a parser's complaint, and no dead end."""
    client = misbehaving("sign-plain-text")
    before = client.token_file().read_text()
    client.ssh_gen().ok()
    assert client.file("*-cert.pub")
    assert client.token_file().read_text() != before
    assert client.browser_runs() == 1


def test_signer_that_is_slow_is_waited_for(misbehaving):
    client = misbehaving("sign-delay-ms=1500")
    client.ssh_gen().ok()
    assert client.file("*-cert.pub")
