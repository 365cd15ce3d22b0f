"""What the page says before a program gets tokens is what these open, and a sign-out in the browser takes them back."""

import pytest

from support import edges, world as worlds
from support.clients import REFUSED, Client
from support.configured_edge import ConfiguredEdge
from support.process import wait_until
from support.visitor import Web

POLICIES = [{"name": "all", "decision": "allow", "include": [{"email": worlds.EMAIL}]}]


@pytest.fixture
def edge(world, sshd):
    edge = ConfiguredEdge(world, sshd.address, POLICIES, more={"administrators": {"include": [{"email": worlds.EMAIL}]}})
    sshd.trust(edge.ssh_ca())
    return edge


@pytest.fixture
def signed_in(edge, world):
    """A client that an administrator has let in, from the page that it showed; and that person's browser."""
    client, web = Client(world, edge), Web(edge.ca_file)
    login = client.start("access", "login", "--no-browser", edge.url(), collect=True)
    shown = login.stderr.wait_for(r"if the page shows a code, it must be (\w{4}-\w{4}):\n(https://\S+)\n")
    wait_until(lambda: "127.0.0.1" in web.follow(shown.group(2)).page, "the page says from where the client asks")
    page = web.follow(shown.group(2))
    assert shown.group(1) in page.page, page
    assert "vm.localhost</strong>, and every other application of this team that you may reach" in page.page, page
    assert "so is the program that asked" in web.follow(web.submit(page)).page
    assert login.wait() == 0, login.stderr.text
    return client, web


def test_the_org_token_of_an_administrators_program_does_not_administer(edge, signed_in):
    client, web = signed_in
    api = f"https://{edge.auth_domain}/cdn-cgi/access/api/v1/me"
    me = web.get(api)
    assert me.status == 200 and '"administrator":true' in me.page, me
    org = client.file("*-org-token").read_text().strip()
    thief = Web(edge.ca_file)
    for name in ("CF_Authorization", "__Host-CF_Authorization"):
        thief.cookies[edges.AUTH_HOST] = {name: org}
        assert thief.get(api).status == 401, name
        assert thief.get(f"https://{edge.auth_domain}/").status == 302, name


def test_a_sign_out_in_the_browser_ends_what_its_program_has(edge, signed_in):
    client, web = signed_in
    child = client.start("access", "ssh", "--hostname", edge.host())
    assert child.process.stdout.readline().startswith(b"SSH-2.0-"), child.stderr.text
    assert "This browser is signed out." in web.follow(f"{edge.url()}cdn-cgi/access/logout").page
    with child.process.stdout, child.process.stdin:
        assert child.wait() == REFUSED, child.stderr.text
    assert "access was revoked" in child.stderr.text
    assert client.browser_runs() == 0
    assert client.banner().startswith("SSH-2.0-")
    assert client.browser_runs() == 1
    [row] = [row for row in edge.audit() if row["kind"] == "revoke"]
    assert row["identity"] == worlds.EMAIL and row["reason"].endswith(", signed out"), row
