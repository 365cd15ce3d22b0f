"""A login that comes to nothing says so, and leaves neither tokens nor locks."""

import pytest

from support import limits
from support.clients import REFUSED, UNAVAILABLE, assert_logs_in_vain

# Processes that wait for another one's login: enough for one to be seen in its place by the next.
WAITING = 5
# And how long that login waits for the user: all of them have to be there by then.
PATIENCE = "15s" if limits.SANITIZED else "5s"


@pytest.mark.parametrize("fault, status", [("transfer-500", UNAVAILABLE), ("transfer-garbage", REFUSED), ("transfer-wrong-key", REFUSED)])
def test_transfer_that_fails_is_named(misbehaving, fault, status):
    client = misbehaving(fault, login=False)
    assert_logs_in_vain(client.run("access", "login", client.edge.url()), status, "login")
    left = [p.name for p in client.home.iterdir()]
    assert not [name for name in left if name.endswith(("-token", ".lock", ".url", ".link"))]


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


def test_a_login_without_a_user_ends_after_its_timeout(client):
    """As of a script at night, BatchMode or not: there is no prompt where no user can answer it."""
    argv = ["access", "login", "--no-browser", "--login-timeout", "2s", client.edge.url()]
    assert_logs_in_vain(client.run(*argv), REFUSED, "login", "the login was not completed in time; run it again and open the URL")
    left = [p.name for p in client.home.iterdir()]
    assert not [name for name in left if name.endswith(("-token", ".lock", ".url", ".link"))]


def test_processes_that_wait_for_a_login_get_its_failure(client):
    first = client.start("access", "login", "--no-browser", "--login-timeout", PATIENCE, client.edge.url(), collect=True)
    first.stderr.wait_for("^https://")
    waiting = [client.start("access", "login", client.edge.url(), collect=True) for _ in range(WAITING)]
    for child in waiting:
        child.stderr.wait_for("another process is logging in")
    assert [child.wait() for child in (first, *waiting)] == [REFUSED] * (1 + WAITING)
    for child in waiting:
        assert "the login was not completed in time: in the process that was logging in; " in child.stderr.text
    assert client.browser_runs() == 0
