"""What an application says about itself is believed only if it is signed, fresh, and about the host that was asked."""

import pytest

from support.clients import CONFIGURATION, PROTOCOL, assert_fails

FAULTS = ["meta-bad-signature", "meta-alg-none", "meta-wrong-host", "meta-old"]


@pytest.mark.parametrize("fault", FAULTS)
def test_bad_metadata_is_named_and_no_browser_opened(misbehaving, fault):
    client = misbehaving(fault, login=False)
    assert_fails(client.tunnel(), PROTOCOL, "application")
    assert client.browser_runs() == 0
    assert not list(client.home.glob("*-token"))


def test_host_that_is_no_application_is_named(misbehaving):
    client = misbehaving("not-access", login=False)
    assert_fails(client.tunnel(), CONFIGURATION, "application")
    assert client.browser_runs() == 0


@pytest.mark.parametrize("domain", ["evil.example.com", "auth.localhost.evil.example.com", "evil.cloudflareaccess.com.example.com"])
def test_auth_domain_of_an_attacker_is_never_asked(misbehaving, domain):
    client = misbehaving(f"meta-foreign-auth-domain={domain}", login=False)
    assert_fails(client.tunnel(), CONFIGURATION, "application", "--auth-domain")
    assert client.browser_runs() == 0
