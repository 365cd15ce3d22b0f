"""The whole way with nothing scripted: ssh waits without a token; a browser elsewhere opens the address that it shows, a
person signs in at the identity provider there and agrees; the certificate lets ssh in."""

import re

from support import tokens, world as worlds
from support.chromium import Chromium
from support.clients import Client, Ssh
from support.configured_edge import ConfiguredEdge
from support.provider import IdentityProvider, PASSWORD

SECOND = "b.localhost"


def test_ssh_runs_a_command_after_the_sign_in(world, sshd):
    provider = IdentityProvider(world)
    edge = ConfiguredEdge(world, sshd.address, [{"name": "all", "decision": "allow", "include": [{"email": worlds.EMAIL}]}],
                          provider=provider.settings(), hosts=("vm.localhost", SECOND))
    provider.serve(edge)
    sshd.trust(edge.ssh_ca())
    chromium = Chromium(world, edge)
    client = Client(world, edge)
    client.env["BROWSER"] = "true"  # a machine whose own browser shows nothing
    child = Ssh(client, "agent").start("echo made it", stdin=None)
    chromium.open(child.stderr.wait_for(r"^(https://\S+)$").group(1))

    chromium.wait_for("Example provider")
    assert chromium.url.startswith(provider.issuer)
    chromium.fill(login=worlds.USER, password=PASSWORD)
    chromium.press("Sign in")
    chromium.wait_for("Let a program in?")
    chromium.wait_for(worlds.EMAIL)
    chromium.wait_for("and every other application of this team that you may reach")
    chromium.wait_for("127.0.0.1")
    chromium.wait_for(re.search("it must be (....-....):", child.stderr.text).group(1))
    assert not list(client.home.glob("*-token")), "the user has not agreed yet"
    chromium.press("Give access")
    chromium.wait_for(f"You are signed in to vm.localhost as {worlds.EMAIL}, and so is the program that asked.")
    with child.process.stdout as output:
        assert output.read() == b"made it\n", child.stderr.text
    assert child.wait() == 0, child.stderr.text
    assert tokens.claims(client.token_file().read_text())["email"] == worlds.EMAIL
    rows = {row["kind"]: row["identity"] for row in edge.audit()}
    assert {kind: rows.get(kind) for kind in ("login", "certificate", "tunnel_open")} == dict.fromkeys(
        ("login", "certificate", "tunnel_open"), worlds.EMAIL), rows

    # The browser has a session of its own, which serves the other application without a question.
    chromium.open(edge.url(SECOND))
    chromium.wait_for(f"You are signed in as {worlds.EMAIL}.")
    for name, cookie in chromium.cookies().items():
        assert cookie["httpOnly"] and cookie["secure"] and cookie["sameSite"] == "Lax", cookie
        assert cookie["domain"] == SECOND, (name, cookie)

    # Signing out reaches the provider, so that the next one has to give a password.
    chromium.open(f"{edge.url()}cdn-cgi/access/logout")
    chromium.wait_for("sign-out")
    chromium.press("Yes, sign me out")
    chromium.wait_for("This browser is signed out.")
    assert chromium.url == f"https://{edge.auth_domain}/cdn-cgi/access/signed-out"
    assert not [name for name in chromium.cookies() if "CF_Authorization" in name]
    chromium.open(edge.url())
    chromium.wait_for("Example provider")
