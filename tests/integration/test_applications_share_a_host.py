"""Our own edge: applications on paths of one host, and of all hosts below one. ssh reaches each; nothing of one is good at another."""

import http.client
import ssl

import pytest

from support import limits
from support.clients import Client, REFUSED, Ssh, assert_fails
from support.configured_edge import ConfiguredEdge
from support.edges import AUTH_HOST
from support.servers import Sshd
from support.visitor import Loopback

HOST = "vm.localhost"
TEAM_A, TEAM_B, WILD = f"{HOST}/team-a", f"{HOST}/team-b", "*.wild.localhost"
APPS = (TEAM_A, TEAM_B, WILD, HOST)
ALLOW = [{"name": "all", "decision": "allow", "include": [{"email_domain": "example.com"}]}]


@pytest.fixture
def edge(world, sshd):
    """team-b leads to a server of its own."""
    other = Sshd(world, "other-sshd")
    edge = ConfiguredEdge(world, sshd.address, ALLOW, hosts=APPS)

    def apart(config):
        config["applications"][1]["service"] = f"tcp://{other.address}"
    edge.change(apart)
    edge.reload()
    edge.other = other
    sshd.trust("".join(edge.command("ca", "show", "--app", name).ok().stdout for name in (TEAM_A, WILD)))
    other.trust(edge.command("ca", "show", "--app", TEAM_B).ok().stdout)
    return edge


def at(edge, host=HOST, path=""):
    return f"{host}:{edge.port}{path}"


def ssh_to(client, host, path=""):
    text = client.run("access", "ssh-config", "--hostname", at(client.edge, host, path), "--short-lived-cert").ok().stdout
    return Ssh(client, text=text, host=host)


def upgrade(edge, host, path, token):
    """The status that a request for a tunnel gets."""
    connection = Loopback(host, edge.port, context=ssl.create_default_context(cafile=str(edge.ca_file)),
                          timeout=limits.COMMAND_DEADLINE)
    connection.putrequest("GET", path, skip_accept_encoding=True)
    for name, value in {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                        "Sec-WebSocket-Key": "AAAAAAAAAAAAAAAAAAAAAA==", "Cf-Access-Token": token}.items():
        connection.putheader(name, value)
    connection.endheaders()
    # The body is of the tunnel.
    answer = http.client.HTTPResponse(connection.sock, method="HEAD")
    answer.begin()
    connection.close()
    return answer.status


def test_ssh_reaches_a_path_and_two_hosts_of_a_wildcard(world, edge):
    client = Client(world, edge)
    assert ssh_to(client, HOST, "/team-a").run("echo of a path").ok().stdout == "of a path\n"
    for name in ("one.wild.localhost", "two.wild.localhost"):
        assert ssh_to(client, name).run("echo of many").ok().stdout == "of many\n"
    assert client.browser_runs() == 1, "one sign-in is enough for all"
    rows = [(row["kind"], row["application"], row["reason"]) for row in edge.audit() if row["kind"] == "tunnel_open"]
    assert rows == [("tunnel_open", TEAM_A, ""), ("tunnel_open", WILD, "at one.wild.localhost"),
                    ("tunnel_open", WILD, "at two.wild.localhost")]


def test_a_certificate_of_one_path_is_none_of_another(world, edge):
    client = Client(world, edge)
    assert ssh_to(client, HOST, "/team-b").run("echo b").ok().stdout == "b\n"
    # The server of team-b is told to trust team-a alone: another authority signed what is shown to it now.
    edge.other.trust(edge.command("ca", "show", "--app", TEAM_A).ok().stdout)
    assert "Permission denied" in ssh_to(client, HOST, "/team-b").run("true").stderr


def test_a_token_of_one_application_opens_no_other(world, edge):
    client = Client(world, edge)
    tokens = {}
    for path in ((HOST, "/team-a"), (HOST, "/team-b"), ("one.wild.localhost", ""), (HOST, "")):
        client.run("access", "login", f"https://{at(edge, *path)}").ok()
        tokens[path] = client.run("access", "token", f"https://{at(edge, *path)}").ok().stdout.strip()
    good = {(HOST, "/team-a"): {(HOST, "/team-a"), (HOST, "/team-a/"), (HOST, "/team%2da"), (HOST, "/team-a/below")},
            (HOST, "/team-b"): {(HOST, "/team-b")},
            ("one.wild.localhost", ""): {("one.wild.localhost", "/"), ("two.wild.localhost", "/")},
            (HOST, ""): {(HOST, "/"), (HOST, "/TEAM-A"), (HOST, "/team-ab"), (HOST, "/team-b;x")}}
    every = set().union(*good.values())
    for made_for, token in tokens.items():
        for host, path in sorted(every):
            status = upgrade(edge, host, path, token)
            assert (status == 101) == ((host, path) in good[made_for]), (made_for, host, path, status)
        for path in ("//team-b", "/team-a/../team-b", "/team-a/%2e%2e/team-b", "/team-a/..%2fteam-b", "/team-b/.", "/x//..",
                     "/team-a%5c..%5cteam-b", "/%2e/team-b", "/team-b%00"):
            assert upgrade(edge, HOST, path, token) == 400, path
        assert upgrade(edge, AUTH_HOST, "/", token) == 404


def test_policies_are_those_of_the_path(world, edge):
    client = Client(world, edge)
    client.run("access", "login", f"https://{at(edge, HOST, '/team-a')}").ok()
    edge.change(lambda config: config["applications"][1]["policies"][0].update(exclude=[{"email_domain": "example.com"}]))
    edge.reload()
    assert client.banner("--hostname", at(edge, HOST, "/team-a")).startswith("SSH-2.0-")
    assert_fails(client.run("access", "ssh", "--hostname", at(edge, HOST, "/team-b")), REFUSED, "login", "team-b")
    shown = edge.command("policy", "test", "--app", TEAM_B, "--email", "ann@example.com")
    assert shown.status == REFUSED and TEAM_B in shown.stdout


def test_signing_out_at_one_path_ends_the_session(world, edge):
    client = Client(world, edge)
    client.run("access", "login", f"https://{at(edge, HOST, '/team-a')}").ok()
    session = next(row["reason"].split()[1] for row in edge.audit() if row["kind"] == "login")
    assert client.banner("--hostname", at(edge, HOST, "/team-a")).startswith("SSH-2.0-")
    edge.command("revoke", "--session", session).ok()
    token = client.file(f"{HOST}-team-a-*-token").read_text()
    assert upgrade(edge, HOST, "/team-a", token) == 302


def test_commands_name_applications_as_the_configuration_does(world, edge, sshd):
    assert sorted(edge.command("ca", "list").ok().stdout.split()) == sorted(APPS)
    key = sshd.state / "ssh_host_ed25519_key.pub"
    signed = ("ca", "sign-host", "--key", key, "--app")
    assert "--hostname" in edge.command(*signed, WILD).failed(64).stderr
    edge.command(*signed, WILD, "--hostname", "one.wild.localhost").ok()
    edge.command(*signed, TEAM_A).ok()
    assert edge.command("ca", "known-hosts", "--app", WILD).ok().stdout.startswith(f"@cert-authority {WILD} ")
    assert edge.command("ca", "known-hosts", "--app", TEAM_A).ok().stdout.startswith(f"@cert-authority {HOST} ")
    for name in ("vm.localhost/team-a/", "VM.localhost/team-a", "**.localhost", "vm.localhost/../x"):
        assert "name of an application" in edge.command("ca", "show", "--app", name).failed(64).stderr
    # The name is taken: this sshd has the keys of that application already, in a file that is not ours.
    setup = edge.command("sshd-setup", "--app", TEAM_A, "--dry-run", "--sshd-config", sshd.state / "sshd_config").ok().stdout
    ours = setup.partition("50-cfpipe.conf:\n")[2].partition("writes ")[0]  # a newer sshd is told of penalties there
    assert setup == "nothing to change\n" or ("PerSourcePenaltyExemptList" in ours and "TrustedUserCAKeys" not in ours)


def test_a_certificate_that_lacks_the_hosts_is_pointed_out(world, edge):
    edge.change(lambda config: config["applications"][0].update(hostname="*.elsewhere.localhost/a"))
    assert "the certificate is not for *.elsewhere.localhost" in edge.command("check-config").ok().stderr
