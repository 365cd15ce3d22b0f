"""A program with a service token gets tunnels and certificates, never a browser; and nothing once the token is revoked."""

import json
import re
import time

import pytest

from support import certificates, world as worlds
from support.clients import CFPIPE, CONFIGURATION, Client, REFUSED, Ssh, assert_fails
from support.configured_edge import ConfiguredEdge
from support.edges import Edge

POLICIES = [
    {"name": "people", "decision": "allow", "include": [{"email": worlds.EMAIL}]},
    {"name": "ci", "decision": "service_auth", "include": [{"service_token": "deploy"}]},
]
# What a person waits at most for a refusal; the edge is on this machine.
REFUSAL_SECONDS = 2


@pytest.fixture
def edge(world, sshd):
    edge = ConfiguredEdge(world, sshd.address, POLICIES, {
        "principals": ["email_prefix"],
        "service_principals": {"deploy": [worlds.USER, "backup"]},
    })
    sshd.trust(edge.ssh_ca())
    return edge


def options(token):
    return ["--service-token-id", token[0], "--service-token-secret", token[1]]


def environment(token):
    return {"TUNNEL_SERVICE_TOKEN_ID": token[0], "TUNNEL_SERVICE_TOKEN_SECRET": token[1]}


def assert_rejected(client, *argv, says):
    """In one line, at once, and without a browser."""
    before = time.monotonic()
    finished = client.run(*argv)
    took = time.monotonic() - before
    assert_fails(finished, REFUSED, says=rf"the service token was rejected: .*{says}.*Service Auth policy")
    assert took < REFUSAL_SECONDS
    assert client.browser_runs() == 0


def test_service_token_opens_a_tunnel(client):
    token = client.edge.service_token("deploy")
    argv = ["--hostname", client.edge.host(), *options(token)]
    assert client.banner(*argv).startswith("SSH-2.0-")
    assert client.browser_runs() == 0
    kinds = [(row["kind"], row["identity"]) for row in client.edge.audit()]
    assert kinds[:2] == [("service_token_create", "deploy"), ("tunnel_open", "deploy")]


@pytest.mark.parametrize("style", ["agent", "match"])
def test_ssh_runs_on_a_certificate_for_a_service_token(client, sshd, style):
    token = client.edge.service_token("deploy")
    client.env.update(environment(token))
    assert Ssh(client, style).run("echo made it").ok().stdout == "made it\n"
    assert client.browser_runs() == 0
    assert "deploy/" in sshd.log(), "sshd logs the certificate's key id"
    kinds = {row["kind"]: row["identity"] for row in client.edge.audit()}
    assert kinds["login"] == kinds["certificate"] == kinds["tunnel_open"] == "deploy"


def test_certificate_of_a_service_token_has_its_principals(world, client):
    client.env.update(environment(client.edge.service_token("deploy")))
    client.run("access", "ssh-gen", "--hostname", client.edge.host()).ok()
    assert certificates.principals(world, client.file("*-cert.pub")) == [worlds.USER, "backup"]


def test_service_token_without_principals_gets_no_certificate(world, sshd):
    edge = ConfiguredEdge(world, sshd.address, POLICIES)
    client = Client(world, edge)
    client.env.update(environment(edge.service_token("deploy")))
    assert_fails(client.ssh_gen(), REFUSED, "certificate", "no principals are configured for service token deploy")
    assert client.browser_runs() == 0


def test_revoked_service_token_is_refused_from_then_on(client):
    token = client.edge.service_token("deploy")
    argv = ["access", "ssh", "--hostname", client.edge.host(), *options(token)]
    client.banner(*argv[2:])
    client.edge.command("service-token", "revoke", "deploy").ok()
    assert_rejected(client, *argv, says="it was revoked")
    assert_rejected(client, *argv, "--short-lived-cert", says="it was revoked")
    assert client.edge.audit()[-1]["kind"] == "denial"


def test_wrong_secret_and_other_tokens_are_refused(client):
    argv = ["access", "ssh", "--hostname", client.edge.host()]
    token, other = client.edge.service_token("deploy"), client.edge.service_token("other")
    assert_rejected(client, *argv, *options((token[0], other[1])), says="id or secret is wrong")
    assert_rejected(client, *argv, *options(other), says="service token other may not reach vm.localhost: no policy matches")
    assert_rejected(client, "access", "ssh-gen", *argv[2:], *options(other), says="no policy matches")


def test_service_token_list_shows_no_secret(client):
    edge = client.edge
    token = edge.service_token("deploy", "--duration", "30d")
    assert re.fullmatch(rf"deploy +{re.escape(token[0])} +2\S+ +2\S+ +no +never", edge.command("service-token", "list").ok().stdout.splitlines()[1])
    client.banner("--hostname", edge.host(), *options(token))
    listed = edge.command("service-token", "list", "--json").ok().stdout
    row = json.loads(listed)
    assert (row["name"], row["client_id"], row["expired"]) == ("deploy", token[0], False)
    assert "never" not in listed and token[1] not in listed
    everything = b"".join(p.read_bytes() for p in edge.state.iterdir() if p.is_file())
    assert token[0].encode() in everything and token[1].encode() not in everything
    assert token[1] not in edge.child.stderr.text


def test_service_token_names_are_unique_and_sane(edge):
    edge.service_token("deploy")
    assert edge.command("service-token", "create", "deploy").status == 78
    assert edge.command("service-token", "create", "a b").status == 64
    assert edge.command("service-token", "create", "x", "--duration", "1s").status == 64
    assert edge.command("service-token", "revoke", "absent").status == 78


@pytest.mark.parametrize("home", ["none", "read-only"])
def test_no_home_directory_is_needed(world, client, home):
    """As in many a container: what would have been kept is not, and that is said once."""
    env = {**client.env, **environment(client.edge.service_token("deploy")), "HOME": "/nonexistent"}
    del env["CFPIPE_HOME"]
    if home == "read-only":
        env["HOME"] = "/proc/self"
    options = ["--auth-domain", client.edge.auth_host]
    finished = world.run([CFPIPE, "access", "ssh", *options, "--hostname", client.edge.host()], env).ok()
    assert finished.output.startswith(b"SSH-2.0-")
    assert re.fullmatch(r"cfpipe: state: warning: nothing is kept .*/\.cloudflared: .*CFPIPE_HOME.*\n", finished.stderr)
    shown = world.run([CFPIPE, "access", *options, "curl", client.edge.url() + "cdn-cgi/access/get-identity", "-sS"], env)
    assert "deploy" in shown.ok().stdout
    agent = world.path("agent")
    socket = ["--short-lived-cert", "--agent", agent]
    finished = world.run([CFPIPE, "access", "ssh", *options, *socket, "--hostname", client.edge.host()], env).ok()
    assert finished.output.startswith(b"SSH-2.0-")
    finished = world.run([CFPIPE, "access", "ssh-gen", *options, "--hostname", client.edge.host()], env)
    assert_fails(finished, CONFIGURATION, "state", "CFPIPE_HOME")


@pytest.mark.parametrize("status", [401, 403])
def test_newer_organisations_are_understood(world, sshd, status):
    """Their secrets have a form of their own, and a bad token is answered with a status instead of the way to a login."""
    token = ("7f2c0123456789abcdef0123456789ab.access", "cfast_u1JFmZkQ0v8Gm3o6Jm0Yb2Wc1Tt5Vh4Rr_9s-pX7d8eKq")
    client = Client(world, Edge(world, "mock", sshd.address, faults=(f"app-status={status}",), service_token=token))
    assert client.banner("--hostname", client.edge.host(), *options(token)).startswith("SSH-2.0-")
    assert client.run("access", "token", client.edge.url(), *options(token)).ok().stdout.count(".") == 2
    wrong = (token[0], token[1][:-1])
    for argv in (["ssh", "--hostname", client.edge.host()], ["ssh-gen", "--hostname", client.edge.host()], ["token", client.edge.url()]):
        assert_fails(client.run("access", *argv, *options(wrong)), REFUSED, says=rf"the service token was rejected.*status {status}")
    assert client.browser_runs() == 0
