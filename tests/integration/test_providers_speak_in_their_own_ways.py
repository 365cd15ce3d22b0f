"""What identity providers do that is no fault, or none that a sign-in needs to end for: optional metadata that is no good,
userinfo that fails or is signed, key sets of many, clients that show their secret the other way, other audiences, times
with a fraction, addresses and groups in claims of other names."""

import base64

import pytest

from support import tokens, world as worlds
from support.configured_edge import ConfiguredEdge
from support.scripted_provider import CLIENT_ID, RsaKey, ScriptedProvider
from support.visitor import Web

ALL = [{"name": "all", "decision": "allow", "include": [{"email_domain": "example.com"}]}]
STAFF = [{"name": "staff", "decision": "allow", "include": [{"group": "staff"}]}]
SECRET = "s3cret: 100%"


class Site:
    """An edge whose people sign in at a scripted provider; `settings` are of its configuration."""

    def __init__(self, world, policies=ALL, metadata=None, **settings):
        self.provider = ScriptedProvider(world)
        if metadata:
            self.provider.discovery = lambda _: (200, {}, self.provider.metadata(**metadata))
        self.edge = ConfiguredEdge(world, "127.0.0.1:1", policies, provider=self.provider.settings(**settings))

    def sign_in(self, **claims):
        """A whole sign-in: the page that it ends at, and what the browser asked the provider."""
        if claims:
            self.provider.claims = claims
        web = Web(self.edge.ca_file)
        asked = web.follow(self.edge.url(), stop=lambda url: url.startswith(self.provider.issuer)).query
        self.provider.nonce = asked["nonce"]
        answer = web.get(f"{asked['redirect_uri']}?code=c&state={asked['state']}")
        return (web.follow(answer) if answer.status == 302 else answer), asked, web

    def admits(self, who=worlds.EMAIL, /, **claims):
        answer, _, _ = self.sign_in(**claims)
        assert answer.status == 200 and f"signed in as {who}" in answer.page, answer


@pytest.mark.parametrize("name", ["end_session_endpoint", "userinfo_endpoint"])
@pytest.mark.parametrize("value, logged", [
    (None, None), ("", None), ("/relative", "is not an https URL"), ("http://idp.example.com/x", "is an http URL of another machine"),
    (7, "is not a string")])
def test_optional_endpoints_that_are_no_good_go_unused(world, name, value, logged):
    site = Site(world, metadata={name: value})
    site.admits()
    text = site.edge.child.stderr.text
    assert ("goes unused" in text) == bool(logged)
    if logged:
        assert f"the endpoint goes unused: {name} {logged}" in text


def test_key_sets_hold_more_than_the_key_that_signs(world):
    site = Site(world)
    provider = site.provider
    own, other = provider.key.jwk(), RsaKey(world, "other").jwk()
    provider.keys = [{**other, "kid": f"old-{n}"} for n in range(60)] + [
        {**other, "kid": "enc", "use": "enc"}, {**other, "kid": "oaep", "alg": "RSA-OAEP"}, {**own, "use": None, "alg": None}]
    site.admits()


def test_times_may_have_a_fraction(world):
    site = Site(world)
    good = site.provider.good_claims()
    site.admits(iat=good["iat"] + 0.123, exp=good["exp"] + 0.5)
    answer, _, _ = site.sign_in(exp=str(good["exp"]))
    assert answer.status == 502 and "&#39;exp&#39; that is not a number" in answer.page, answer


def test_tokens_may_be_for_others_too(world):
    """OpenID Connect Core 1.0 with errata set 2, 3.1.3.7: `azp` is wanted of no token any more."""
    site = Site(world)
    site.admits(aud=[CLIENT_ID, "https://api.example.com"])
    for claims in ({"aud": [CLIENT_ID, "b"], "azp": "b"}, {"aud": ["a", "b"]}):
        answer, _, _ = site.sign_in(**claims)
        assert answer.status == 502 and "another client" in answer.page, answer


def test_algorithms_that_are_not_taken_are_named(world):
    site = Site(world)
    for alg in ("HS256", "RS1"):
        site.provider.token = lambda _, alg=alg: (200, {}, {"id_token": site.provider.id_token(header={"alg": alg})})
        answer, _, _ = site.sign_in()
        assert answer.status == 502 and f"signed under &#39;{alg}&#39;, which is not taken" in answer.page, answer


def userinfo_of(site, key=None, **claims):
    return (key or site.provider.key).sign({"sub": "ann", **claims})


def test_userinfo_may_be_signed(world):
    site = Site(world, STAFF)
    provider = site.provider

    def say(body, kind="application/jwt; charset=utf-8"):
        provider.userinfo = lambda _: (200, {"Content-Type": kind}, body)

    for more in ({}, {"iss": provider.issuer, "aud": CLIENT_ID}):
        say(userinfo_of(site, groups=["staff"], **more))
        site.admits()
    # What it leaves open stays unknown, and the log says why.
    for body, why in ((userinfo_of(site, RsaKey(world, "one"), groups=["staff"]), "the signature of its userinfo does not hold"),
                      (userinfo_of(site, groups=["staff"], iss="https://evil.test"), "its signed userinfo is of another issuer"),
                      (userinfo_of(site, groups=["staff"], aud="other"), "its signed userinfo is for another client"),
                      (tokens.unsigned(userinfo_of(site, groups=["staff"])), "no signed JWT"),
                      ("a.b.c.d.e", "an encrypted one, which is not read")):
        say(body)
        answer, _, _ = site.sign_in()
        assert answer.status == 403 and "did not say which groups" in answer.page, answer
        assert why in site.edge.child.stderr.text
    # About another person it ends the sign-in, signed or not.
    say(userinfo_of(site, groups=["staff"], sub="eve"))
    answer, _, _ = site.sign_in()
    assert answer.status == 502 and "about another user" in answer.page, answer


@pytest.mark.parametrize("failure", [(403, {}, {"error": "insufficient_scope"}), (500, {}, ""), (200, {}, "<html>")])
def test_userinfo_that_fails_ends_no_sign_in_that_has_all_it_needs(world, failure):
    site = Site(world, [*ALL, {"name": "x", "decision": "deny", "include": [{"group": "x"}]}])
    site.provider.userinfo = lambda _: failure
    site.admits()
    assert "goes on without what the provider leaves unsaid" in site.edge.child.stderr.text
    answer, _, _ = site.sign_in(email=None)
    assert answer.status == 502 and "userinfo endpoint" in answer.page, answer


def test_the_address_may_be_in_another_claim(world):
    site = Site(world, email_claim="preferred_username", allow_unverified_email=True)
    site.admits("ann.lee@example.com", email=None, email_verified=None, preferred_username="ann.lee@example.com")
    answer, _, _ = site.sign_in(preferred_username=None)
    assert answer.status == 403 and "(claim &#39;preferred_username&#39;)" in answer.page, answer


@pytest.mark.parametrize("claim, groups", [
    ("realm_access.roles", {"realm_access": {"roles": ["staff"]}}),
    ("https://example.com/roles", {"https://example.com/roles": ["staff"]}),
    ("urn:zitadel:iam:org:project:roles", {"urn:zitadel:iam:org:project:roles": {"staff": {"1": "example.com"}}}),
])
def test_groups_are_where_providers_have_them(world, claim, groups):
    Site(world, STAFF, groups_claim=claim).admits(**groups)


def test_the_prompt_is_passed_on(world):
    assert Site(world, prompt="select_account").sign_in()[1]["prompt"] == "select_account"
    assert "prompt" not in Site(world).sign_in()[1]


class Client:
    """A token endpoint that takes the client's secret in one way, and says which."""

    def __init__(self, site, way):
        self.site, self.way = site, way
        self.good = site.provider.token
        site.provider.token = self

    def __call__(self, form):
        header = self.site.provider.requests("/token")[-1][2].get("Authorization", "")
        in_header = header == "Basic " + base64.b64encode(f"{CLIENT_ID}:s3cret%3A%20100%25".encode()).decode()
        in_body = form.get("client_id") == CLIENT_ID and form.get("client_secret") == SECRET
        assert in_header != in_body, "one way at a time"
        if (in_header if self.way == "header" else in_body if self.way == "body" else False):
            return self.good(form)
        return 401, {}, {"error": "invalid_client"}


def with_secret(world, metadata=None):
    path = world.path("client-secret")
    path.write_text(SECRET + "\n")
    path.chmod(0o600)
    return Site(world, metadata=metadata, client_secret_file=str(path))


@pytest.mark.parametrize("metadata", [None, {"token_endpoint_auth_methods_supported": ["private_key_jwt"]}])
def test_the_secret_is_shown_the_other_way_where_none_is_announced(world, metadata):
    site = with_secret(world, metadata)
    client = Client(site, "body")
    site.admits()
    assert len(site.provider.requests("/token")) == 2
    site.admits()
    assert len(site.provider.requests("/token")) == 3, "what was right is right at once"
    client.way = "header"
    site.admits()
    assert len(site.provider.requests("/token")) == 5
    client.way = "none"
    answer, _, _ = site.sign_in()
    assert answer.status == 502 and "401 (invalid_client)" in answer.page, answer
    assert len(site.provider.requests("/token")) == 7


def test_the_secret_is_shown_as_announced_and_in_no_other_way(world):
    site = with_secret(world, {"token_endpoint_auth_methods_supported": ["client_secret_post"]})
    Client(site, "header")
    answer, _, _ = site.sign_in()
    assert answer.status == 502 and "invalid_client" in answer.page, answer
    assert len(site.provider.requests("/token")) == 1


def test_other_refusals_are_not_tried_again(world):
    site = with_secret(world)
    site.provider.token = lambda _: (400, {}, {"error": "invalid_grant"})
    answer, _, _ = site.sign_in()
    assert answer.status == 502 and "invalid_grant" in answer.page, answer
    assert len(site.provider.requests("/token")) == 1
