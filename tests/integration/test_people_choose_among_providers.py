"""Several identity providers for one edge: people choose, policies tell their sign-ins apart, and the answer of one is never taken
for another's."""

import html
import json
import re
import socket
import ssl
import subprocess

import pytest

from support import limits, tokens, world as worlds
from support.clients import CFPIPE, Client, REFUSED
from support.configured_edge import ConfiguredEdge
from support.provider import IdentityProvider
from support.scripted_provider import ScriptedProvider
from support.visitor import Web

NAMES = ("corp", "partner")
ALLOW = [{"name": "all", "decision": "allow", "include": [{"email_domain": "example.com"}]}]
CODE = "the-authorization-code"
SECOND = "b.localhost"


def only(name, part="require"):
    return [{"name": "some", "decision": "allow", "include": [{"email_domain": "example.com"}], part: [{"login_method": name}]}]


class Site:
    """An edge whose people sign in at either of two scripted providers."""

    def __init__(self, world, policies=ALLOW, origin="127.0.0.1:1", **more):
        self.world = world
        self.providers = {name: ScriptedProvider(world) for name in NAMES}
        self.edge = ConfiguredEdge(world, origin, policies, hosts=("vm.localhost", SECOND), provider=[
            one.settings(name=name) for name, one in self.providers.items()], **more)

    def web(self):
        return Web(self.edge.ca_file)

    def choices(self, web, host=None):
        """What the page offers, in its order: (text, link)."""
        page = web.follow(self.edge.url(host))
        assert page.status == 200 and "<form" not in page.page and "<script" not in page.page, page
        return [(html.unescape(text), html.unescape(link)) for link, text in re.findall(r'<a class="button" href="([^"]+)">([^<]+)</a>', page.page)]

    def begin(self, web, name, host=None):
        """As far as the redirect to that provider: its parameters."""
        link = next(link for text, link in self.choices(web, host) if name in text)
        asked = web.get(link)
        assert asked.location.startswith(f"{self.providers[name].issuer}/authorize?"), asked
        self.providers[name].nonce = asked.query["nonce"]
        return asked.query

    def back(self, web, asked, to=None, **parameters):
        query = {"code": CODE, "state": asked["state"], **parameters}
        query = "&".join(f"{name}={value}" for name, value in query.items() if value is not None)
        return web.get(f"{to or asked['redirect_uri']}?{query}")

    def sign_in(self, name, web=None, host=None):
        web = web or self.web()
        return web, web.follow(self.back(web, self.begin(web, name, host)))

    def codes_shown(self):
        return [name for name, one in self.providers.items() if one.requests("/token")]

    def token(self, web, host="vm.localhost"):
        return web.cookies[host]["CF_Authorization"]


def who(site, web, host="vm.localhost"):
    return json.loads(web.get(f"https://{site.edge.host(host)}/cdn-cgi/access/get-identity").page)


def test_the_page_offers_all_and_remembers_the_last(world):
    site = Site(world)
    web, page = site.sign_in("partner")
    assert page.status == 200 and f"You are signed in as {worlds.EMAIL}" in page.page, page
    assert who(site, web)["idp"] == {"id": "partner", "type": "oidc"}
    assert tokens.claims(site.token(web))["idp"] == "partner"
    login = next(row for row in site.edge.audit() if row["kind"] == "login")
    assert (login["identity"], login["login_method"]) == (worlds.EMAIL, "partner")
    # While the session lasts there is no prompt; then the one of last time comes first.
    assert web.follow(site.edge.url(SECOND)).status == 200
    web.cookies["auth.localhost"] = {name: value for name, value in web.cookies["auth.localhost"].items() if "Authorization" not in name}
    web.cookies["vm.localhost"].clear()
    assert [text for text, _ in site.choices(web)] == ["Sign in with partner (as last time)", "Sign in with corp"]
    assert [text for text, _ in site.choices(site.web())] == ["Sign in with corp", "Sign in with partner"]


def test_a_link_names_one_of_the_providers(world):
    site = Site(world)
    web = site.web()
    link = site.choices(web)[0][1]
    assert web.get(link.replace("idp=corp", "idp=evil")).status == 400
    assert web.get(link.replace("idp=corp", "idp=")).status == 200, "the choice again"


def test_policies_tell_sign_ins_apart(world):
    site = Site(world, only("corp"))
    assert site.sign_in("corp")[1].status == 200
    page = site.sign_in("partner")[1]
    assert page.status == 403 and "policy &#39;some&#39; requires login_method corp" in page.page.replace("'", "&#39;"), page
    denial = next(row for row in site.edge.audit() if row["kind"] == "denial")
    assert (denial["login_method"], denial["reason"]) == ("partner", "policy 'some' requires login_method corp")
    argv = ["policy", "test", "--app", "vm.localhost", "--email", worlds.EMAIL, "--login-method"]
    assert site.edge.command(*argv, "corp").ok()
    assert site.edge.command(*argv, "partner").status == REFUSED
    site.edge.change(lambda config: [app.update(policies=only("corp", "exclude")) for app in config["applications"]])
    site.edge.reload()
    assert site.sign_in("corp")[1].status == 403
    assert site.sign_in("partner")[1].status == 200


def test_an_application_takes_the_providers_it_names(world):
    site = Site(world)
    site.edge.change(lambda config: config["applications"][1].update(allowed_idps=["partner"]))
    site.edge.reload()
    web, page = site.sign_in("corp")
    assert page.status == 200
    # A user who has signed in elsewhere signs in once more, where there is no choice without one.
    asked = web.follow(site.edge.url(SECOND), stop=lambda url: url.startswith(site.providers["partner"].issuer))
    site.providers["partner"].nonce = asked.query["nonce"]
    assert web.follow(site.back(web, asked.query)).status == 200
    assert who(site, web, SECOND)["idp"]["id"] == "partner"
    assert who(site, web)["idp"]["id"] == "corp", "the other application's token is as it was"
    # A token of the same application that another provider vouched for is worth nothing from now on.
    site.edge.change(lambda config: config["applications"][0].update(allowed_idps=["partner"]))
    site.edge.reload()
    assert web.get(site.edge.url()).status == 302


def test_answers_are_not_mixed_up(world):
    """A provider that has been taken over leads people on to an honest one, to get that one's code (RFC 9700 4.4)."""
    site = Site(world)
    evil, honest = NAMES
    own = f"https://{site.edge.auth_domain}/cdn-cgi/access/callback"
    attacks = {
        "to the honest one's address": lambda web, asked: site.back(web, asked, to=f"{own}/{honest}"),
        "to the address of a single provider": lambda web, asked: site.back(web, asked, to=own),
        "to an unknown address": lambda web, asked: site.back(web, asked, to=f"{own}/unknown"),
        "with the other's name": lambda web, asked: site.back(web, asked, iss=site.providers[honest].issuer),
    }
    for name, attack in attacks.items():
        web = site.web()
        asked = site.begin(web, evil)
        assert asked["redirect_uri"] == f"{own}/{evil}", name
        answer = attack(web, asked)
        assert answer.status == 502 and "another provider than the one that was asked" in answer.page, (name, answer)
        assert site.codes_shown() == [], f"{name}: a code was shown"
        assert "__Host-CF_Authorization" not in web.cookies["auth.localhost"], name
        # The state is spent: the right address does not bring it back.
        assert site.back(web, asked).status == 400, name
    denials = [row["reason"] for row in site.edge.audit() if row["kind"] == "denial"]
    assert len(denials) == len(attacks) and all("another provider" in reason for reason in denials)
    assert site.sign_in(honest)[1].status == 200


def test_a_state_of_one_browser_and_provider_is_good_for_no_other(world):
    site = Site(world)
    mine, victims = site.web(), site.web()
    asked = site.begin(mine, "corp")
    other = site.begin(victims, "partner")
    assert {asked["nonce"], asked["code_challenge"]}.isdisjoint({other["nonce"], other["code_challenge"]})
    assert site.back(victims, asked).status == 400
    assert site.codes_shown() == []


def open_tunnel(site, token):
    """A tunnel with that token, left open."""
    raw = socket.create_connection(("127.0.0.1", site.edge.port), timeout=limits.READY_DEADLINE)
    tls = ssl.create_default_context(cafile=str(site.edge.ca_file)).wrap_socket(raw, server_hostname="vm.localhost")
    tls.sendall(f"GET / HTTP/1.1\r\nHost: {site.edge.host()}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"
                "Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: AAAAAAAAAAAAAAAAAAAAAA==\r\n"
                f"Cf-Access-Token: {token}\r\n\r\n".encode())
    assert tls.recv(12) == b"HTTP/1.1 101"
    return tls


def test_one_provider_does_not_speak_for_the_people_of_another(world, sshd):
    """The same address at both: what the one says of its groups changes nothing of what the other has admitted."""
    policies = [{"name": "sre", "decision": "allow", "include": [{"group": "sre"}]}]
    site = Site(world, policies, sshd.address)
    site.providers["corp"].claims = {"groups": ["sre"]}
    site.providers["partner"].claims = {"groups": ["sre"], "sub": "another"}
    web, _ = site.sign_in("corp")
    subject = who(site, web)["id"]
    with open_tunnel(site, site.token(web)):
        site.edge.wait_for_audit("tunnel_open")
        assert who(site, site.sign_in("partner")[0])["id"] != subject, "another person"
        site.providers["partner"].claims = {"groups": [], "sub": "another"}
        assert site.sign_in("partner")[1].status == 403
        assert not [row for row in site.edge.audit() if row["kind"] == "tunnel_close"]
        # At its own provider the same is the end of it. The dashboard lets everybody in, so that a sign-in is complete.
        site.providers["corp"].claims = {"groups": []}
        dashboard = site.web()
        page = dashboard.follow(f"https://{site.edge.auth_domain}/")
        link = html.unescape(re.search(r'<a class="button" href="([^"]+)">Sign in with corp', page.page)[1])
        asked = dashboard.get(link).query
        site.providers["corp"].nonce = asked["nonce"]
        assert dashboard.follow(site.back(dashboard, asked)).status == 200
        closed = site.edge.wait_for_audit("tunnel_close")
        assert closed["login_method"] == "corp" and "do not admit you" in closed["reason"]
    # A revocation is of the address, wherever it was vouched for.
    site.providers["partner"].claims = {"groups": ["sre"]}
    again, page = site.sign_in("partner")
    assert page.status == 200
    site.edge.command("revoke", "--email", worlds.EMAIL).ok()
    assert again.get(site.edge.url()).status == 302


def test_tokens_of_a_provider_that_is_gone_are_worth_nothing(world):
    site = Site(world)
    web, _ = site.sign_in("partner")
    assert web.get(site.edge.url()).status == 200
    site.edge.change(lambda config: config["identity_providers"].pop())
    site.edge.reload()
    assert web.get(site.edge.url()).status == 302
    asked = web.follow(site.edge.url(), stop=lambda url: url.startswith(site.providers["corp"].issuer))
    assert asked.location, "there is one left, and nothing to choose"


@pytest.mark.parametrize("name", NAMES)
def test_real_providers_sign_in_and_out(world, name):
    """The npm package oidc-provider, twice."""
    made = {one: IdentityProvider(world) for one in NAMES}
    edge = ConfiguredEdge(world, "127.0.0.1:1", ALLOW, provider=[{**one.settings(), "name": key} for key, one in made.items()])
    for key, one in made.items():
        one.serve(edge, key)
    web = Web(edge.ca_file)
    page = web.follow(edge.url())
    link = html.unescape(re.search(rf'<a class="button" href="([^"]+)">Sign in with {name}<', page.page)[1])
    form = web.follow(link)
    assert form.url.startswith(made[name].issuer), form
    assert made[name].sign_in(web, form).status == 200
    assert tokens.claims(web.cookies["vm.localhost"]["CF_Authorization"])["idp"] == name
    asked = web.follow(f"https://{edge.host()}/cdn-cgi/access/logout")
    assert asked.url.startswith(made[name].issuer + "/session/end"), "out at the one that signed in"
    assert "signed out" in web.follow(web.submit(asked, logout="yes")).page


def test_a_waiting_program_goes_through_the_choice(world, sshd):
    """What the person agrees to stands on the page before they sign in, and is asked once more behind it."""
    site = Site(world, ALLOW, sshd.address)
    client = Client(world, site.edge)
    child = world.start([CFPIPE, "access", "login", "--no-browser", site.edge.url()], client.env, stdin=subprocess.DEVNULL)
    url = child.stderr.wait_for(r"https://auth\.localhost:\d+/l/\S+").group(0)
    web = site.web()
    page = web.follow(url)
    assert "A program on a computer is waiting" in page.page and "Sign in with partner" in page.page, page
    asked = web.get(html.unescape(re.search(r'<a class="button" href="([^"]+)">Sign in with partner', page.page)[1])).query
    site.providers["partner"].nonce = asked["nonce"]
    confirm = web.follow(site.back(web, asked))
    assert "Give access" in confirm.page, confirm
    assert web.follow(web.submit(confirm)).status == 200
    assert child.wait(limits.COMMAND_DEADLINE) == 0, child.stderr.text
    assert tokens.claims(client.token_file().read_text())["idp"] == "partner"
    assert client.banner().startswith("SSH-2.0-")
