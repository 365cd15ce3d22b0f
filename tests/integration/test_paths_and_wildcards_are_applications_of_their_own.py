"""An application may be a path of a host, or all hosts below one: discovery, tokens, files and tunnels are of that one."""

import pytest

from support import certificates, tokens
from support.clients import CONFIGURATION, Client, Ssh, assert_fails
from support.edges import Edge

HOST = "vm.localhost"
APPS = (HOST, f"{HOST}/team-a", f"{HOST}/team-b", "*.wild.localhost")


@pytest.fixture(params=["own", "signed", "older"])
def client(request, world, sshd):
    """Of our edge, of another one that signs its metadata, and of one that does not."""
    kind = "own" if request.param == "own" else "mock"
    faults = ("meta-none",) if request.param == "older" else ()
    edge = Edge(world, kind, sshd.address, hosts=APPS, faults=faults)
    sshd.trust("".join(edge.ssh_ca(name) for name in (APPS if kind == "own" else APPS[:1])))
    return Client(world, edge)


def at(client, path="", host=HOST):
    return f"{host}:{client.edge.port}{path}"


def test_each_path_has_a_token_and_a_tunnel_of_its_own(client):
    for path in ("/team-a", "/team-b", ""):
        assert client.banner("--hostname", at(client, path)).startswith("SSH-2.0-")
    assert client.browser_runs() == 1, "one login is enough for all"
    names = sorted(p.name.rsplit("-", 2)[0] for p in client.home.glob("*-token") if "org" not in p.name)
    assert names == [HOST, f"{HOST}-team-a", f"{HOST}-team-b"]
    if client.edge.kind == "own":
        opened = [row["application"] for row in client.edge.audit() if row["kind"] == "tunnel_open"]
        assert opened == [f"{HOST}/team-a", f"{HOST}/team-b", HOST]
    else:
        asked = [e["path"] for e in client.edge.requests() if e["event"] == "request" and e["upgrade"]]
        assert asked == ["/team-a", "/team-b", "/"]
    audiences = {tokens.claims(p.read_text())["aud"][0] for p in client.home.glob(f"{HOST}*-token")}
    assert len(audiences) == 3


def test_token_of_one_path_is_not_sent_to_another(client):
    client.run("access", "login", f"https://{at(client, '/team-a')}").ok()
    token = client.file(f"{HOST}-team-a-*-token").read_text()
    shown = client.run("access", "token", f"https://{at(client, '/team-a/deeper/page')}").ok()
    assert shown.stdout == token, "what lies below is of the same application"
    assert client.run("access", "token", f"https://{at(client, '/team-b')}").status == 77


def test_key_files_have_the_path_in_their_names(client):
    client.run("access", "ssh-gen", "--hostname", at(client, "/team-a")).ok()
    names = {p.name for p in client.home.glob("*cf_key*") if p.suffix != ".flock"}
    ours, there = ({f"{stem}-cf_key", f"{stem}-cf_key.pub", f"{stem}-cf_key-cert.pub"} for stem in (f"{HOST}-team-a", HOST))
    assert names == ours | there


def key_files(client, stem):
    return [(client.home / f"{stem}-cf_key{end}").read_text() for end in ("", ".pub", "-cert.pub")]


def test_key_files_are_also_where_the_public_client_has_them(client):
    """It leaves the path of a URL out. What another application has made there stays as long as it is good."""
    def generate(path):
        client.run("access", "ssh-gen", "--hostname", at(client, path)).ok()

    generate("/team-a")
    assert key_files(client, HOST) == key_files(client, f"{HOST}-team-a")
    (client.home / f"{HOST}-cf_key-cert.pub").unlink()
    generate("/team-a")
    assert key_files(client, HOST) == key_files(client, f"{HOST}-team-a"), "also where the rest is good"
    if client.edge.kind == "own":  # whose certificates are good for longer
        certificates.replace_with_one_valid_for(client.world, client.home / f"{HOST}-cf_key", 30)
    generate("/team-b")
    assert key_files(client, HOST) == key_files(client, f"{HOST}-team-b")
    certificates.replace_with_one_valid_for(client.world, client.home / f"{HOST}-cf_key", 600)
    of_another = key_files(client, HOST)
    generate("/team-a")
    assert key_files(client, HOST) == of_another


@pytest.mark.parametrize("style", ["agent", "match"])
def test_ssh_goes_through_a_path(client, style):
    client.run("access", "login", f"https://{at(client, '/team-b')}").ok()
    text = client.run("access", "ssh-config", "--hostname", at(client, "/team-b"), "--short-lived-cert", "--style", style).ok()
    assert Ssh(client, text=text.stdout, host=HOST).run("echo through").ok().stdout == "through\n"


def test_wildcard_application_has_one_token_for_all_its_hosts(client):
    for name in ("a", "b"):
        assert client.banner("--hostname", at(client, host=f"{name}.wild.localhost")).startswith("SSH-2.0-")
    assert client.browser_runs() == 1
    assert client.file("-.wild.localhost-*-token")
    if client.edge.kind == "mock":
        logins = [e for e in client.edge.requests()
                  if e["event"] == "request" and "/transfer/" in e["path"] and e["status"] == 200]
        assert len(logins) == 1, "the second host found the token of the first"
    client.run("access", "logout", f"https://{at(client, host='b.wild.localhost')}").ok()
    assert not list(client.home.glob("*-token"))


@pytest.mark.parametrize("kind", ["own", "mock"])
def test_path_that_is_no_application_is_named(world, sshd, kind):
    edge = Edge(world, kind, sshd.address, hosts=(f"{HOST}/team-a",))
    client = Client(world, edge)
    assert_fails(client.run("access", "login", f"https://{at(client, '/team-ab')}"), CONFIGURATION, "application")
    assert client.browser_runs() == 0
