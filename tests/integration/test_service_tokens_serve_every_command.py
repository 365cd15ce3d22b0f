"""Every command takes a service token, from wherever it is given, in place of a person; a refusal is a line and no browser."""

import os
import time

import pytest

from support import limits, tokens, world as worlds
from support.clients import CONFIGURATION, Client, REFUSED, Ssh, USAGE, assert_fails
from support.configured_edge import ConfiguredEdge
from support.edges import Edge

POLICIES = [
    {"name": "people", "decision": "allow", "include": [{"email": worlds.EMAIL}]},
    {"name": "ci", "decision": "service_auth", "include": [{"service_token": "deploy"}]},
]
CERTIFICATES = {"principals": ["email_prefix"], "service_principals": {"deploy": [worlds.USER]}}
MOCK_TOKEN = ("0123456789abcdef.access", "5ecret-0f-the-m0ck")
# What a person waits at most for a refusal; the edge is on this machine.
REFUSAL_SECONDS = 2
COMMANDS = {
    "ssh": ("ssh", "--hostname"),
    "ssh with a certificate": ("ssh", "--short-lived-cert", "--hostname"),
    "ssh-gen": ("ssh-gen", "--hostname"),
    "login": ("login",),
    "token": ("token",),
    "curl": ("curl",),
    "curl that may do without": ("curl", "--allow-request"),
}
every_command = pytest.mark.parametrize("command", COMMANDS.values(), ids=COMMANDS.keys())


@pytest.fixture
def client(world, kind, sshd):
    """With `service`: the token's id and secret."""
    if kind == "own":
        edge = ConfiguredEdge(world, sshd.address, POLICIES, CERTIFICATES)
        service = edge.service_token("deploy")
    else:
        edge, service = Edge(world, kind, sshd.address, service_token=MOCK_TOKEN), MOCK_TOKEN
    sshd.trust(edge.ssh_ca())
    client = Client(world, edge)
    client.service = service
    return client


def token_file(client, text, name="service-token", mode=0o600):
    path = client.world.path(name)
    path.write_text(text)
    path.chmod(mode)
    return str(path)


def ways(client):
    """Each way to give the token: (options, environment)."""
    name, secret = client.service
    environment = {"TUNNEL_SERVICE_TOKEN_ID": name, "TUNNEL_SERVICE_TOKEN_SECRET": secret}
    return {
        "flags": (["--service-token-id", name, "--service-token-secret", secret], {}),
        "short flags": ([f"--id={name}", f"--secret={secret}"], {}),
        "environment": ([], environment),
        "half and half": (["--id", name], {"TUNNEL_SERVICE_TOKEN_SECRET": secret}),
        "file": (["--service-token-file", token_file(client, f"{name}\n{secret}\n")], {}),
        "file before environment": (["--service-token-file", token_file(client, f"id={name}\nsecret={secret}\n", "2")],
                                    {name: "absent" for name in environment}),
    }


def test_a_tunnel_opens_however_the_token_is_given(client):
    for way, (options, environment) in ways(client).items():
        argv = ["--hostname", client.edge.host(), *options]
        assert client.banner(*argv, **environment).startswith("SSH-2.0-"), way
    assert client.browser_runs() == 0


@pytest.mark.parametrize("command", ["login", "token"])
def test_login_and_token_print_the_token_that_it_is_exchanged_for(client, command):
    options, _ = ways(client)["file"]
    argv = ["--no-verbose"] if command == "login" else []
    token = client.run("access", command, *argv, *options, client.edge.url()).ok().stdout.strip()
    claims = tokens.claims(token)
    assert (claims["common_name"], claims["sub"]) == (client.service[0], "")
    assert "email" not in claims
    assert client.browser_runs() == 0
    assert not list(client.home.glob("*-token")), "the next who logs in here is a person"


@pytest.mark.parametrize("flags", [[], ["--allow-request"]], ids=["curl", "allow-request"])
def test_curl_makes_its_request_as_the_service(client, flags):
    options, _ = ways(client)["file"]
    page = f"{client.edge.url()}cdn-cgi/access/get-identity"
    assert client.service[0] in client.run(*options, "access", "curl", *flags, page, "-sS").ok().stdout
    assert client.browser_runs() == 0


@pytest.mark.parametrize("kind", ["own"], indirect=True)
@pytest.mark.parametrize("style", ["agent", "match", "chain"])
def test_ssh_config_names_the_file_and_ssh_runs_on_its_certificate(client, style):
    _, secret = client.service
    options, _ = ways(client)["file"]
    argv = ["access", "ssh-config", "--hostname", client.edge.host(), "--short-lived-cert", "--style", style, *options]
    text = client.run(*argv).ok().stdout
    assert options[1] in text and secret not in text
    ssh = Ssh(client, text=text)
    if style == "chain":
        terminal = ssh.terminal()
        terminal.type("echo made''-it; exit\n")
        terminal.expect("made-it")
        terminal.wait()
    else:
        assert ssh.run("echo made it").ok().stdout == "made it\n"
    assert client.browser_runs() == 0


@every_command
def test_a_rejection_says_what_the_application_needs_at_once(client, command):
    wrong = ["--id", client.service[0], "--secret", "not-this-one"]
    where = client.edge.host() if "--hostname" in command else client.edge.url()
    before = time.monotonic()
    finished = client.run(*wrong, "access", *command, where)
    took = time.monotonic() - before
    assert_fails(finished, REFUSED, says="the service token was rejected.*; .*Service Auth policy")
    assert took < REFUSAL_SECONDS or limits.SANITIZED
    assert client.browser_runs() == 0


@pytest.mark.parametrize("kind", ["mock"], indirect=True)
def test_an_edge_that_signs_for_people_only_is_named(client):
    options, _ = ways(client)["file"]
    finished = client.run("access", "ssh-gen", "--hostname", client.edge.host(), *options)
    assert_fails(finished, REFUSED, "certificate", "a certificate needs an email")
    assert client.browser_runs() == 0


@pytest.mark.parametrize("kind", ["own"], indirect=True)
def test_a_file_that_others_can_read_is_refused(client):
    name, secret = client.service
    good = token_file(client, f"{name}\n{secret}\n")
    exposed = client.world.path("exposed")
    exposed.mkdir()
    os.symlink(good, exposed / "link")
    exposed.chmod(0o777)
    faulty = {
        token_file(client, f"{name}\n{secret}\n", "open", 0o644): "may be read or written by others",
        str(exposed / "link"): "leads through a link in a directory that others may write",
        str(client.world.path("missing")): "there is no such file",
        token_file(client, f"{secret}\n", "half"): "holds no service token",
    }
    for path, says in faulty.items():
        finished = client.run("access", "ssh", "--hostname", client.edge.host(), "--service-token-file", path)
        assert_fails(finished, CONFIGURATION, "config", f"{path}: {says}.*; .*chmod 600")
        assert secret not in finished.stderr
    both = client.run("access", "ssh", "--hostname", client.edge.host(), "--service-token-file", good, "--id", name)
    assert_fails(both, USAGE, "input", "given twice")
