"""A token is used towards the edge that issued it, and towards no other, whatever that other edge says about itself."""

import pytest

from support import edges, tokens
from support.clients import PROTOCOL, REFUSED, Client, assert_fails, assert_logs_in_vain
from support.edges import Edge

SECRET_HEADERS = {"cf-access-token", "cookie:CF_Authorization"}


@pytest.fixture
def two(world, kind, sshd):
    """A client that has logged in at an honest edge, and a second edge whose auth domain it trusts, too. Both serve an
    application of the same name; where both are the independent edge, the AUD is the same as well, and so is the token's file."""
    honest = Edge(world, kind, sshd.address)
    other = Edge(world, "mock", sshd.address)
    bundle = world.path("both-authorities.pem")
    bundle.write_text(honest.ca_file.read_text() + other.ca_file.read_text())
    client = Client(world, honest)
    client.env["SSL_CERT_FILE"] = str(bundle)
    client.login()
    return client, honest, other


def given_away(edge, token):
    """Requests of that edge that came with credentials; none of them may be before its own login."""
    return [event for event in edge.requests() if event["event"] == "request" and SECRET_HEADERS & set(event["credentials"])]


def test_another_edge_sees_no_token_of_the_first(two):
    client, honest, other = two
    mine = client.snapshot("*-token")
    for command in (["token", other.url()], ["curl", "--allow-request", other.url(), "-s"]):
        client.run("access", *command)
        assert not given_away(other, None), command
    assert client.run("doctor", other.host()).status != 0
    assert not given_away(other, None)
    assert client.snapshot("*-token") == mine
    assert client.banner().startswith("SSH-2.0-")
    assert client.browser_runs() == 1


def test_each_edge_has_its_own_login_and_both_tokens_last(two):
    client, honest, other = two
    mine = client.snapshot("*-token")
    assert client.banner("--hostname", other.host()).startswith("SSH-2.0-")
    assert client.browser_runs() == 2
    assert mine.items() <= client.snapshot("*-token").items()
    for host in (honest.host(), other.host(), honest.host(), other.host()):
        assert client.banner("--hostname", host).startswith("SSH-2.0-")
        token = client.run("access", "token", f"https://{host}/").ok().stdout.strip()
        assert tokens.claims(token)["iss"].rpartition(":")[2] == host.rpartition(":")[2]
    assert client.browser_runs() == 2


def test_a_refusal_by_another_edge_costs_no_token_of_the_first(two, world, sshd):
    client, honest, other = two
    client.banner("--hostname", other.host())
    mine = client.token()
    other.stop()
    picky = Edge(world, "mock", sshd.address, faults=["reject-token=100"])
    with open(client.env["SSL_CERT_FILE"], "a") as bundle:
        bundle.write(picky.ca_file.read_text())
    assert client.run("access", "ssh", "--hostname", picky.host()).status == REFUSED
    assert client.token() == mine


def test_a_token_that_another_edge_claims_to_be_the_firsts_is_not_kept(two, world, sshd):
    client, honest, _ = two
    mine = client.snapshot("*-token")
    liar = Edge(world, "mock", sshd.address, faults=[f"token-issuer=https://{honest.auth_domain}"])
    with open(client.env["SSL_CERT_FILE"], "a") as bundle:
        bundle.write(liar.ca_file.read_text())
    finished = client.run("access", "ssh", "--hostname", liar.host())
    assert_logs_in_vain(finished, REFUSED, "login", "issued by https://")
    assert client.snapshot("*-token") == mine


@pytest.mark.parametrize("fault", ["meta-app-hostname=other.localhost", "meta-app-hostname=vm.localhost.evil.test",
                                   "meta-aud=abc", "meta-aud=../../x"])
def test_metadata_that_names_the_file_of_another_application_is_refused(misbehaving, fault):
    client = misbehaving(fault, login=False)
    assert_fails(client.tunnel(), PROTOCOL, "application")
    assert client.browser_runs() == 0
    assert not list(client.home.glob("*-token"))


def test_what_was_remembered_before_is_asked_again_where_it_does_not_fit(user):
    """As an older release has kept it from an edge that named another application."""
    file = user.file("*-application")
    before = file.read_text()
    file.write_text(before.replace(f'"app_hostname":"{edges.HOST}"', '"app_hostname":"other.localhost"'))
    assert file.read_text() != before
    assert user.banner().startswith("SSH-2.0-")
    assert file.read_text() == before
    assert user.browser_runs() == 1
