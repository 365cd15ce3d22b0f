"""Sign-in at an OpenID Connect provider that this project did not write, without a browser's screen: each way of signing
tokens and of showing the client's secret, where the claims come from, sessions and their ends."""

import re

import pytest

from support import tokens, world as worlds
from support.clients import Client, REFUSED, Ssh
from support.configured_edge import ConfiguredEdge
from support.provider import IdentityProvider
from support.visitor import Form, Web

EVERYBODY = [{"name": "all", "decision": "allow", "include": [{"email_domain": "example.com"}]}]
SECOND = "b.localhost"
ACCOUNT = {"email": worlds.EMAIL, "email_verified": True, "groups": ["sre", "night shift"], "preferred_username": worlds.USER}


def edge_with(world, origin, provider, policies=EVERYBODY, **more):
    edge = ConfiguredEdge(world, origin, policies, provider=provider.settings(), **more)
    provider.serve(edge)
    return edge


def provider_page(web, edge, path=""):
    """The provider's sign-in form, to which a request for the application is redirected."""
    page = web.follow(edge.url() + path)
    assert page.status == 200 and "Example provider" in page.page, page
    return page


def session(web, host):
    return web.cookies.get(host, {}).get("__Host-CF_Authorization")


@pytest.mark.parametrize("alg, secret", [("RS256", "client_secret_basic"), ("ES256", "none"), ("EdDSA", "client_secret_basic")])
def test_signs_in_and_out(world, alg, secret):
    provider = IdentityProvider(world, {worlds.USER: ACCOUNT},
                                {"id_token_signed_response_alg": alg, "token_endpoint_auth_method": secret})
    edge = edge_with(world, "127.0.0.1:1", provider)
    web = Web(edge.ca_file)
    page = provider.sign_in(web, provider_page(web, edge, "some/path?x=1"))
    assert page.status == 404 and page.url == edge.url() + "some/path?x=1", page
    page = web.follow(edge.url() + "?x=1")
    assert page.status == 200 and f"You are signed in as {worlds.EMAIL}" in page.page, page
    claims = tokens.claims(session(web, "vm.localhost"))
    assert claims["email"] == worlds.EMAIL and claims["sub"], claims
    assert [row["identity"] for row in edge.audit() if row["kind"] == "login"] == [worlds.EMAIL]

    # Signing out ends the session at the provider too, which asks first; then a sign-in needs a password.
    asked = web.follow(f"https://{edge.host()}/cdn-cgi/access/logout")
    assert asked.url.startswith(provider.issuer + "/session/end"), asked
    done = web.follow(web.submit(asked, logout="yes"))
    assert done.url == f"https://{edge.auth_domain}/cdn-cgi/access/signed-out" and "signed out" in done.page, done
    assert not session(web, "vm.localhost") and not session(web, "auth.localhost")
    provider_page(web, edge)


@pytest.mark.parametrize("alg", ["RS384", "RS512", "PS256", "PS384", "PS512", "ES384", "ES512"])
def test_tokens_and_userinfo_are_signed_in_each_way(world, alg):
    """The groups that the policy asks for are in the signed userinfo alone."""
    provider = IdentityProvider(world, {worlds.USER: ACCOUNT},
                                {"id_token_signed_response_alg": alg, "userinfo_signed_response_alg": alg})
    edge = edge_with(world, "127.0.0.1:1", provider, [{"name": "sre", "decision": "allow", "include": [{"group": "sre"}]}])
    web = Web(edge.ca_file)
    page = provider.sign_in(web, provider_page(web, edge))
    assert page.status == 200 and f"You are signed in as {worlds.EMAIL}" in page.page, page


def test_secret_in_the_body_claims_in_the_token(world):
    provider = IdentityProvider(world, {worlds.USER: ACCOUNT}, {"token_endpoint_auth_method": "client_secret_post"},
                                id_token_claims=True)
    edge = edge_with(world, "127.0.0.1:1", provider)
    web = Web(edge.ca_file)
    assert provider.sign_in(web, provider_page(web, edge)).status == 200
    assert tokens.claims(session(web, "auth.localhost"))["email"] == worlds.EMAIL


def test_tokens_carry_groups_and_claims_to_policies_and_certificates(world, sshd):
    provider = IdentityProvider(world, {"x17": {**ACCOUNT, "email": "another.user@example.com"}})
    edge = edge_with(world, sshd.address, provider,
                     [{"name": "sre", "decision": "allow", "include": [{"group": "sre"}]}],
                     certificates={"principals": [{"claim": "preferred_username"}, *worlds.NAMED]})
    sshd.trust(edge.ssh_ca())
    client = Client(world, edge)
    ssh = Ssh(client, "agent")
    child = ssh.start("echo made it", stdin=None)
    url = child.stderr.wait_for(r"^(https://\S+)$").group(1)
    web = Web(edge.ca_file)
    asked = provider.sign_in(web, web.follow(url), login="x17")
    assert "Give access" in asked.page and "another.user@example.com" in asked.page, asked
    # No one else can agree in their place: not another site, not another browser.
    form = Form(asked.page)
    agree = (f"https://{edge.auth_domain}{form.action}", form.inputs)
    assert web.request("POST", *agree, origin="https://evil.test").status == 403
    assert Web(edge.ca_file).request("POST", *agree).status == 400
    assert "so is the program that asked" in web.follow(web.submit(asked)).page
    with child.process.stdout as output:
        assert output.read() == b"made it\n", child.stderr.text
    assert child.wait() == 0
    claims = tokens.claims(client.token_file().read_text())
    assert claims["custom"] == {"preferred_username": [worlds.USER]} and claims["groups"] == ["sre"], claims


def test_a_user_without_such_a_claim_is_told_so(world, sshd):
    account = {key: value for key, value in ACCOUNT.items() if key != "preferred_username"}
    provider = IdentityProvider(world, {worlds.USER: account})
    edge = edge_with(world, sshd.address, provider, certificates={"principals": [{"claim": "preferred_username"}]})
    client = Client(world, edge)
    child = client.start("access", "ssh-gen", "--hostname", edge.host(), collect=True)
    url = child.stderr.wait_for(r"^(https://\S+)$").group(1)
    web = Web(edge.ca_file)
    web.follow(web.submit(provider.sign_in(web, web.follow(url))))
    assert child.wait() == REFUSED, child.stderr.text
    assert "names no user of vm.localhost" in child.stderr.text and "preferred_username" in child.stderr.text


def test_one_sign_in_serves_all_applications_for_as_long_as_each_says(world):
    provider = IdentityProvider(world, {worlds.USER: ACCOUNT})
    edge = edge_with(world, "127.0.0.1:1", provider, hosts=("vm.localhost", SECOND), more={"session_duration": "3h"},
                     more_app={"session_duration": "10m"})
    web = Web(edge.ca_file)
    assert provider.sign_in(web, provider_page(web, edge)).status == 200
    second = web.follow(edge.url(SECOND))
    assert second.status == 200 and second.url == edge.url(SECOND), second
    lives = {host: tokens.claims(session(web, host)) for host in ("vm.localhost", SECOND, "auth.localhost")}
    assert {host: c["exp"] - c["iat"] for host, c in lives.items()} == {
        "vm.localhost": 600, SECOND: 600, "auth.localhost": 3 * 3600}
    assert len({str(c["aud"]) for c in lives.values()}) == 3
    assert len([row for row in edge.audit() if row["kind"] == "login"]) == 1
    # A cookie of one host is nothing to another.
    for name in ("CF_Authorization", "__Host-CF_Authorization"):
        web.cookies[SECOND][name] = session(web, "vm.localhost")
    assert web.get(edge.url(SECOND)).status == 302


def test_refusals_of_the_provider_and_of_policies_are_told_apart(world):
    provider = IdentityProvider(world, {
        "unverified": {**ACCOUNT, "email_verified": False}, "without": {"email_verified": True},
        "stranger": {**ACCOUNT, "email": "eve@evil.test"}})
    edge = edge_with(world, "127.0.0.1:1", provider)
    for login, says in {
            "unverified": f"has not verified that {re.escape(worlds.EMAIL)} is your address",
            "without": "does not say what your email address is",
            "stranger": "You are signed in as eve@evil.test. You may not reach vm.localhost: no policy"}.items():
        web = Web(edge.ca_file)
        page = provider.sign_in(web, provider_page(web, edge), login=login)
        assert page.status == 403 and re.search(says, page.page), page
        assert not session(web, "auth.localhost") and not session(web, "vm.localhost")
    denials = [(row["identity"], row["reason"]) for row in edge.audit() if row["kind"] == "denial"]
    assert [identity for identity, _ in denials] == ["", "", "eve@evil.test"], denials
    web = Web(edge.ca_file)
    wrong = web.submit(provider_page(web, edge), login="unverified", password="wrong")
    assert wrong.status == 401


def test_another_user_signs_in_where_the_provider_cannot_be_signed_out_of(world):
    """It is asked to let the person choose, once."""
    provider = IdentityProvider(world, {worlds.USER: ACCOUNT, "stranger": {**ACCOUNT, "email": "eve@evil.test"}})
    edge = ConfiguredEdge(world, "127.0.0.1:1", EVERYBODY,
                          provider={**provider.settings(), "sign_out_at_provider": False})
    provider.serve(edge)
    web = Web(edge.ca_file)
    denied = provider.sign_in(web, provider_page(web, edge, "?x=1"), login="stranger")
    assert denied.status == 403, denied
    link = re.search(r'class="button" href="(/cdn-cgi/access/logout\?return=[^"]+)"', denied.page).group(1)

    def at_provider(url):
        return url.startswith(provider.issuer)
    asked = web.follow(f"https://{edge.auth_domain}{link}", stop=at_provider)
    assert asked.query["prompt"] == "select_account", asked
    again = web.follow(edge.url(), stop=at_provider)
    assert "prompt" not in again.query, "that was for the one sign-in"


def test_provider_over_tls_of_its_own_authority(world):
    made = []

    def provider(edge):
        made.append(IdentityProvider(world, {worlds.USER: ACCOUNT}, tls={
            "host": "idp.localhost", "certificate": edge.state / "tls-cert.pem", "key": edge.state / "tls-key.pem"}))
        return {**made[0].settings(), "ca_file": str(edge.ca_file)}

    edge = ConfiguredEdge(world, "127.0.0.1:1", EVERYBODY, provider=provider, names=["idp.localhost"])
    made[0].serve(edge)
    web = Web(edge.ca_file)
    assert made[0].sign_in(web, provider_page(web, edge)).status == 200
    # A client without --auth-domain trusts no auth domain.
    other = ConfiguredEdge(world, "127.0.0.1:1", EVERYBODY, provider=made[0].settings())
    page = Web(other.ca_file).follow(other.url())
    assert page.status == 503 and "not trusted here" in page.page, page
