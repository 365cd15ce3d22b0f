"""A login that comes to nothing says so, and leaves neither tokens nor locks."""

import pytest

from support.clients import REFUSED, assert_logs_in_vain


@pytest.mark.parametrize("fault", ["transfer-500", "transfer-garbage", "transfer-wrong-key"])
def test_transfer_that_fails_is_named(misbehaving, fault):
    client = misbehaving(fault, login=False)
    assert_logs_in_vain(client.run("access", "login", client.edge.url()), REFUSED, "login")
    left = [p.name for p in client.home.iterdir()]
    assert not [name for name in left if name.endswith(("-token", ".lock", ".url"))]


def test_transfer_that_takes_its_time_is_waited_for(misbehaving):
    client = misbehaving("transfer-not-yet=2", login=False)
    client.login()
    assert client.browser_runs() == 1
    assert client.token()


def test_org_token_that_the_edge_no_longer_takes_leads_to_the_browser(misbehaving):
    client = misbehaving("org-expired")
    client.token_file().unlink()
    assert client.banner().startswith("SSH-2.0-")
    assert client.browser_runs() == 2
