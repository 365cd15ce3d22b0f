"""--header: sent with the upgrade; what lets a request in may be one, and then there is no login."""

import pytest

from support.clients import Client, REFUSED, assert_fails
from support.configured_edge import ConfiguredEdge


def upgrade_of(client):
    return [e for e in client.edge.requests() if e["event"] == "request" and e["upgrade"]][-1]


def test_header_is_sent_as_it_is(misbehaving):
    user = misbehaving()
    user.banner("--hostname", user.edge.host(), "-H", "X-Note: one, two: three", "--header", "X-Other: x")
    assert upgrade_of(user)["note"] == "one, two: three"
    # The edge is asked about the application without it, as by the public client.
    assert {e["note"] for e in user.edge.requests() if e["event"] == "request" and not e["upgrade"]} == {""}


def test_name_of_the_program_may_be_another(misbehaving):
    user = misbehaving()
    user.banner("--hostname", user.edge.host())
    assert upgrade_of(user)["user_agent"].startswith("cfpipe/")
    user.banner("--hostname", user.edge.host(), "-H", "user-agent: other/1")
    assert upgrade_of(user)["user_agent"] == "other/1"


@pytest.mark.parametrize("form", ["Cf-Access-Token: {}", "Cookie: a=b; CF_Authorization={}"], ids=["token", "cookie"])
def test_token_may_be_a_header(user, form):
    token = user.token()
    user.run("access", "logout").ok()
    assert user.banner("--hostname", user.edge.host(), "-H", form.format(token)).startswith("SSH-2.0-")
    assert user.browser_runs() == 1, "that was for the token"
    assert not list(user.home.glob("*-token"))
    bad = user.tunnel("-H", form.format(token[:-8]))
    assert_fails(bad, REFUSED, "upgrade", "does not accept the token")
    assert user.browser_runs() == 1


def test_service_token_may_be_headers(world, sshd):
    policies = [{"name": "ci", "decision": "service_auth", "include": ["any_valid_service_token"]}]
    edge = ConfiguredEdge(world, sshd.address, policies)
    client = Client(world, edge)
    name, secret = edge.service_token("deploy")
    headers = ["--header", f"CF-Access-Client-Id: {name}", "--header", f"CF-Access-Client-Secret: {secret}"]
    assert client.banner("--hostname", edge.host(), *headers).startswith("SSH-2.0-")
    assert client.browser_runs() == 0
