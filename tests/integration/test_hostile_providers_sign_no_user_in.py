"""What a provider, or an attacker between it and the edge, may send in place of a sign-in: none of it signs anybody in, all
of it is said to the person, recorded, and leaves the edge as it was."""

import hashlib
import hmac
import json
import re
import threading
import time

import pytest

from support import limits, tokens, world as worlds
from support.balancers import held_port
from support.configured_edge import ConfiguredEdge
from support.edges import PROGRAMS
from support.scripted_provider import CLIENT_ID, RsaKey, ScriptedProvider, b64
from support.visitor import Web

EVERYBODY = [{"name": "all", "decision": "allow", "include": ["everyone"]}]
CODE = "the-authorization-code"
PACE_SECONDS = 0.2  # between two looks at whether something has changed


class Site:
    """An edge whose people sign in at a scripted provider."""

    def __init__(self, world, provider=None):
        self.world, self.provider = world, provider or ScriptedProvider(world)
        self.edge = ConfiguredEdge(world, "127.0.0.1:1", EVERYBODY, provider=self.provider.settings())

    def begin(self, web):
        """As far as the redirect to the provider: its parameters. The provider knows the nonce from them."""
        answer = web.follow(self.edge.url(), stop=lambda url: url.startswith(self.provider.issuer))
        asked = answer.query
        assert answer.location.startswith(f"{self.provider.issuer}/authorize?"), answer
        assert asked["code_challenge_method"] == "S256" and len(asked["code_challenge"]) == 43, asked
        self.provider.nonce = asked["nonce"]
        return asked

    def back(self, web, asked, **parameters):
        """The browser comes back from the provider."""
        query = {"code": CODE, "state": asked["state"], **parameters}
        query = "&".join(f"{name}={value}" for name, value in query.items() if value is not None)
        return web.get(f"{asked['redirect_uri']}?{query}")

    def sign_in(self, web=None):
        web = web or Web(self.edge.ca_file)
        return web, self.back(web, self.begin(web))

    def signed_in(self, web):
        return "__Host-CF_Authorization" in web.cookies.get("auth.localhost", {})

    def works(self):
        """An honest user still gets in."""
        self.provider.behave()
        web, answer = self.sign_in()
        assert answer.status == 302 and self.signed_in(web), answer
        assert web.follow(answer).status == 200

    def refuses(self, says, status=502):
        """A whole sign-in comes to nothing, and the person reads why."""
        web, answer = self.sign_in()
        assert answer.status == status, (says, answer)
        assert re.search(says, answer.page), (says, answer)
        assert not self.signed_in(web)
        assert CODE not in answer.page and "Try again" in answer.page
        return answer


@pytest.fixture
def site(world):
    return Site(world)


def last_denial(site):
    return [row for row in site.edge.audit() if row["kind"] == "denial"][-1]


def hmac_with_public_key(provider, secret):
    signed = f"{tokens.encode_part({'alg': 'HS256', 'kid': 'one'})}.{tokens.encode_part(provider.good_claims())}"
    return f"{signed}.{b64(hmac.new(secret, signed.encode(), hashlib.sha256).digest())}"


def padded(token):
    """As a base64 encoder writes it that was not told to leave the padding out; a signature of 256 bytes always has some."""
    return ".".join(part + "=" * (-len(part) % 4) for part in token.split("."))


def test_id_tokens_that_are_not_the_providers(site):
    provider, now = site.provider, time.time
    other = RsaKey(site.world, "one")
    hostile = {
        "wrong issuer": (lambda: provider.id_token(iss="https://evil.test"), "another issuer"),
        "wrong audience": (lambda: provider.id_token(aud="another"), "another client"),
        "used by another audience": (lambda: provider.id_token(aud=[CLIENT_ID, "another"], azp="another"), "another client"),
        "unsigned": (lambda: tokens.unsigned(provider.id_token()), "cannot be read: the token signature is malformed|does not hold"),
        "alg none, with a signature": (
            lambda: tokens.unsigned(provider.id_token()) + provider.id_token().split(".")[2], "is not taken"),
        "key confusion, PEM": (lambda: hmac_with_public_key(provider, provider.key.public_pem()), "is not taken"),
        "key confusion, modulus": (lambda: hmac_with_public_key(provider, provider.key.n.encode()), "is not taken"),
        "another's key by the same name": (lambda: provider.id_token(key=other), "does not hold"),
        "expired": (lambda: provider.id_token(iat=int(now()) - 900, exp=int(now()) - 61), "has expired"),
        "from the future": (lambda: provider.id_token(iat=int(now()) + 120), "from the future"),
        "no expiry": (lambda: provider.id_token(exp=None), "when it expires"),
        "of another sign-in": (lambda: provider.id_token(nonce="x" * 43), "another sign-in"),
        "no nonce": (lambda: provider.id_token(nonce=None), "another sign-in"),
        "changed": (lambda: tokens.with_claims(provider.id_token(), email="eve@example.com"), "does not hold"),
        "none": (lambda: "", "its answer holds no ID token"),
        "giant": (lambda: "a" * 40_000, "cannot be read: the token is longer than 32 KiB"),
        "no JWT": (lambda: "opaque", "cannot be read: the token is not a JWT"),
        "padded": (lambda: padded(provider.id_token()), "cannot be read: the token is padded with .*, which a JWT must not be"),
    }
    for name, (token, says) in hostile.items():
        provider.token = lambda _, token=token: (200, {}, {"id_token": token(), "access_token": "at"})
        answer = site.refuses(says)
        row = last_denial(site)
        assert row["reason"].startswith("identity provider: ") and row["application"] == "vm.localhost", (name, row)
        assert row["ray"] in answer.page, (name, answer)
    site.works()


def test_interim_answers_are_skipped_until_there_are_too_many(site):
    """RFC 9110 15.2: a final answer follows each of them."""
    for interim in ([100], [102], [103] * 3):
        site.provider.interim = interim
        site.works()
    site.provider.interim = [103] * 17
    site.refuses("its answer is not HTTP", status=503)
    site.provider.interim = []
    site.works()


def test_people_without_a_verified_address(site):
    provider = site.provider
    cases = {
        "no address": ({"email": None}, {"sub": "ann"}, "does not say what your email address is"),
        "not verified": ({"email_verified": False}, {"sub": "ann"}, "has not verified"),
        "verified elsewhere": ({"email_verified": None}, {"sub": "ann", "email": "x@example.com", "email_verified": True},
                               "has not verified"),
        "no address at all": ({"email": "-oProxyCommand=x@example.com"}, {"sub": "ann"}, "cannot be used here"),
        "markup": ({"email": "<script>@example.com"}, {"sub": "ann"}, "cannot be used here"),
    }
    for changes, userinfo, says in cases.values():
        provider.claims = changes
        provider.userinfo = lambda _, info=userinfo: (200, {}, info)
        answer = site.refuses(says, status=403)
        assert "<script" not in answer.page
    provider.claims = {"email": None, "email_verified": None}
    provider.userinfo = lambda _: (200, {}, {"sub": "eve", "email": worlds.EMAIL, "email_verified": True})
    site.refuses("about another user")
    site.works()


def test_answers_that_are_none(site):
    provider = site.provider
    evil = {"Location": "https://evil.test/token"}
    # What the token endpoint says, in words of its own, is not repeated; it could be anything.
    answers = {
        "a redirect": ((302, evil, ""), "token endpoint answered 302"),
        "a redirect that keeps the method": ((307, evil, ""), "token endpoint answered 307"),
        "an error": ((400, {}, {"error": "invalid_grant", "error_description": CODE}), r"answered 400 \(invalid_grant\)"),
        "an error with markup": ((400, {}, {"error": "<b>\r\nX: y"}), r"answered 400 \(&lt;b&gt;\?\?X: y\)"),
        "a page": ((200, {}, "<html>"), "not a JSON object"),
        "names twice": ((200, {}, '{"id_token":"a","id_token":"b"}'), "not a JSON object"),
        "an array": ((200, {}, []), "not a JSON object"),
        "nothing": ((200, {}, ""), "not a JSON object"),
    }
    for answer, says in answers.values():
        provider.token = lambda _, answer=answer: answer
        site.refuses(says)
    provider.token = lambda _: (200, {}, " " * 300_000)
    site.refuses("its answer is too large", status=503)
    provider.token = lambda _: (200, {"Content-Length": "1000"}, "{}")
    site.refuses("closed the connection", status=503)
    provider.token = lambda _: (200, {"X-Padding": "a" * 100_000}, "{}")
    site.refuses("its answer is (too large|not HTTP)", status=503)
    assert "evil.test" not in json.dumps([path for path, *_ in provider.asked])
    site.works()
    assert CODE not in site.edge.child.stderr.text


def test_a_code_is_redeemed_once_in_the_browser_that_asked(site):
    ann, eve = Web(site.edge.ca_file), Web(site.edge.ca_file)
    asked_ann, asked_eve = site.begin(ann), site.begin(eve)
    exchanges = len(site.provider.requests("/token"))
    # An attacker's sign-in, sent to a victim, or a victim's that was overheard.
    for web, asked in ((ann, asked_eve), (eve, asked_ann)):
        answer = site.back(web, asked)
        assert answer.status == 400 and "another browser" in answer.page, answer
    for state in ("", "x", "0" + "A" * 43, asked_ann["state"][:-1], asked_ann["state"] + "x"):
        assert site.back(ann, {**asked_ann, "state": state}).status == 400, state
    assert site.back(ann, asked_ann, state=None).status == 400
    # None of these was worth a word to the provider.
    assert len(site.provider.requests("/token")) == exchanges
    site.provider.nonce = asked_ann["nonce"]
    cookies = {host: dict(jar) for host, jar in ann.cookies.items()}
    answer = site.back(ann, asked_ann)
    assert answer.status == 302 and site.signed_in(ann), answer
    # Again, by an attacker who has kept everything.
    ann.cookies = cookies
    again = site.back(ann, asked_ann)
    assert again.status == 400 and not site.signed_in(ann), again
    assert len(site.provider.requests("/token")) == exchanges + 1
    form = site.provider.requests("/token")[-1][1]
    assert form["code"] == CODE and form["client_id"] == CLIENT_ID
    assert b64(hashlib.sha256(form["code_verifier"].encode()).digest()) == asked_ann["code_challenge"]


def test_what_one_process_has_consumed_is_refused_by_the_other(site):
    """Two of them serve one state while an edge restarts; this provider redeems a code as often as it is asked."""
    config = json.loads(site.edge.config.read_text())
    port = held_port(site.world)
    config.update(listen=f"127.0.0.1:{port}", auth_domain=f"{config['auth_domain']}:{site.edge.port}")
    path = site.world.path("second.yaml")
    path.write_text(json.dumps(config))
    second = site.world.start([PROGRAMS["own"], "run", "--config", path])
    assert second.ready_port() == port
    def at_second(url):
        return url.replace(f":{site.edge.port}/", f":{port}/")

    ann = Web(site.edge.ca_file)
    asked = site.begin(ann)
    cookies = {host: dict(jar) for host, jar in ann.cookies.items()}
    answer = site.back(ann, asked)
    assert answer.status == 302 and site.signed_in(ann), answer
    again = Web(site.edge.ca_file)
    again.cookies = cookies
    refused = site.back(again, {**asked, "redirect_uri": at_second(asked["redirect_uri"])})
    assert refused.status == 400 and "completed already" in refused.page and not site.signed_in(again), refused
    # The one-time code that leads back to the application.
    once = answer.location
    assert ann.get(once).status == 302
    assert ann.get(at_second(once)).status == 400
    # What the one has begun the other finishes.
    bob = Web(site.edge.ca_file)
    asked = site.begin(bob)
    finished = site.back(bob, {**asked, "redirect_uri": at_second(asked["redirect_uri"])})
    assert finished.status == 302 and site.signed_in(bob), finished
    assert site.back(Web(site.edge.ca_file), asked).status == 400
    assert second.stop() == 0, second.stderr.text


def test_many_sign_ins_of_one_browser_do_not_disturb_each_other(site):
    web = Web(site.edge.ca_file)
    asked = [site.begin(web) for _ in range(3)]
    for one in (asked[1], asked[0], asked[2]):
        site.provider.nonce = one["nonce"]
        assert site.back(web, one).status == 302
    for _ in range(20):
        web.cookies["auth.localhost"].pop("__Host-CF_Authorization", None)
        site.begin(web)
    flows = [name for name in web.cookies["auth.localhost"] if "sign-in" in name]
    assert 3 <= len(flows) <= 6, flows


def test_another_provider_than_the_one_that_was_asked(site):
    web = Web(site.edge.ca_file)
    answer = site.back(web, site.begin(web), iss="https://evil.test")
    assert answer.status == 502 and "another provider" in answer.page, answer
    assert not site.provider.requests("/token") and not site.signed_in(web)


def test_a_provider_that_names_itself_has_to(world):
    provider = ScriptedProvider(world)
    provider.discovery = lambda _: (200, {}, provider.metadata(authorization_response_iss_parameter_supported=True))
    site = Site(world, provider)
    web = Web(site.edge.ca_file)
    assert site.back(web, site.begin(web)).status == 502
    asked = site.begin(web)
    assert site.back(web, asked, iss=provider.issuer).status == 302 and site.signed_in(web)


def test_the_providers_refusal_is_passed_on(site):
    web = Web(site.edge.ca_file)
    answer = site.back(web, site.begin(web), code=None, error="access_denied", error_description="%3Cb%3Eno%3C/b%3E%0D%0Ax")
    assert answer.status == 403 and "(access_denied): &lt;b&gt;no&lt;/b&gt;??x" in answer.page, answer
    for code in (None, "", "a" * 5000):
        answer = site.back(web, site.begin(web), code=code)
        assert answer.status == 502 and "without a code" in answer.page, answer
    assert not site.provider.requests("/token")
    site.works()


def test_keys_may_change_but_not_make_the_edge_ask_all_the_time(site):
    provider = site.provider
    site.works()
    assert len(provider.requests("/keys")) == 1
    new = RsaKey(site.world, "two")
    provider.key, provider.keys = new, [new.jwk()]
    site.works()
    assert len(provider.requests("/keys")) == 2
    unpublished = RsaKey(site.world, "three")
    provider.token = lambda _: (200, {}, {"id_token": provider.id_token(key=unpublished), "access_token": "at"})
    for _ in range(3):
        site.refuses("a key it does not publish")
    assert len(provider.requests("/keys")) == 2, "not again within half a minute"
    site.works()
    assert len(provider.requests("/.well-known/openid-configuration")) == 1


def test_a_slow_provider_delays_no_other_user(site):
    """It trickles; the limit is on all of it, and meanwhile the edge answers others."""
    release = threading.Event()
    waiting = threading.Event()

    def trickle(_):
        waiting.set()
        release.wait(60)
        return 200, {}, "{}"

    site.provider.token = trickle
    web = Web(site.edge.ca_file)
    asked = site.begin(web)
    answers = []
    thread = threading.Thread(target=lambda: answers.append(site.back(web, asked)))
    thread.start()
    try:
        assert waiting.wait(30)
        other = Web(site.edge.ca_file)
        assert site.begin(other)["state"] != asked["state"]
        assert not answers
        thread.join(60)
    finally:
        release.set()
        thread.join()
    assert answers[0].status == 503 and "does not answer in time" in answers[0].page, answers
    assert not site.signed_in(web)
    site.works()


@pytest.mark.parametrize("what, says, status", [
    ("wrong issuer", "issuer &#39;https://evil.test&#39;", 502),
    ("plain endpoint", "token_endpoint is an http URL", 502),
    ("no keys", "no jwks_uri", 502),
    ("an error", "openid-configuration answered 500", 502),
    ("giant", "too large", 503),
])
def test_what_a_provider_says_of_itself(world, what, says, status):
    provider = ScriptedProvider(world)
    good = provider.metadata()
    answers = {
        "wrong issuer": (200, {}, {**good, "issuer": "https://evil.test"}),
        "plain endpoint": (200, {}, {**good, "token_endpoint": "http://192.0.2.1/token"}),
        "no keys": (200, {}, {k: v for k, v in good.items() if k != "jwks_uri"}),
        "an error": (500, {}, "broken"),
        "giant": (200, {}, " " * 300_000),
    }
    provider.discovery = lambda _: answers[what]
    edge = ConfiguredEdge(world, "127.0.0.1:1", EVERYBODY, provider=provider.settings())
    edge.child.stderr.wait_for("identity provider http://127.0.0.1")
    page = Web(edge.ca_file).follow(edge.url())
    assert page.status == status and re.search(says, page.page), page
    assert [row["kind"] for row in edge.audit()] == ["denial"]


def test_a_provider_that_is_away_comes_back(world):
    provider = ScriptedProvider(world)
    settings = provider.settings()
    provider.discovery = lambda _: (503, {}, "")
    edge = ConfiguredEdge(world, "127.0.0.1:1", EVERYBODY, provider=settings)
    edge.child.stderr.wait_for("answered 503")
    web = Web(edge.ca_file)
    assert web.follow(edge.url()).status == 502
    provider.behave()
    # For a few seconds no request goes to it.
    deadline = time.monotonic() + limits.READY_DEADLINE
    answer = None
    while (not answer or answer.status != 302) and time.monotonic() < deadline:
        answer = web.follow(edge.url(), stop=lambda url: url.startswith(provider.issuer))
        time.sleep(PACE_SECONDS)
    assert answer.status == 302, answer


def test_its_configuration_is_checked_with_its_files(world):
    provider = ScriptedProvider(world)
    secret = world.path("secret")
    secret.write_text("s3cret-of-the-client\n")
    secret.chmod(0o644)
    certificate, key = world.path("c.pem"), world.path("k.pem")
    world.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate, "-days", "2",
               "-subj", "/CN=edge", "-addext", "subjectAltName=DNS:auth.localhost,DNS:vm.localhost"]).ok()
    text = f"""listen: 127.0.0.1:0
tls: {{certificate: {certificate}, key: {key}}}
auth_domain: auth.localhost
state: {world.path("state")}
identity_provider:
  type: oidc
  issuer: {provider.issuer}
  client_id: cfpipe-test
  client_secret_file: {secret}
  ca_file: /nowhere.pem
applications:
  - hostname: vm.localhost
    service: tcp://127.0.0.1:1
    policies: [{{name: all, decision: allow, include: [everyone]}}]
"""
    config = world.path("edge.yaml")
    config.write_text(text)
    for command in ("check-config", "run"):
        done = world.run([PROGRAMS["own"], command, "--config", config])
        assert done.status == 78, done
        assert f"{config}:9: {secret}: may be read or written by others; make it private with chmod 600" in done.stderr
        assert f"{config}:10: /nowhere.pem: " in done.stderr
        assert "s3cret" not in done.stderr
    secret.chmod(0o600)
    config.write_text(text.replace("  ca_file: /nowhere.pem\n", ""))
    done = world.run([PROGRAMS["own"], "check-config", "--config", config]).ok()
    assert not done.stderr, done
