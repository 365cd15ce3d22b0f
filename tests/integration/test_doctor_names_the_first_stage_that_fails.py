"""`doctor` walks all stages: every one passes, or the first that does not is named with what to do."""

import json
import re
import socket
import threading

import pytest

from support import limits, tokens, world as worlds
from support.clients import CFPIPE, CONFIGURATION, PROTOCOL, REFUSED, UNAVAILABLE, USAGE, Client, assert_fails
from support.configured_edge import ConfiguredEdge
from support.edges import Edge
from support.origin import Origin
from support.proxies import PROXIES, far_client
from support.user_home import UserHome

STAGES = ["dns", "proxy", "tcp", "tls", "application", "token", "certificate", "principal", "ssh"]
NOT_A_STAGE_OF_EVERYBODY = {"proxy", "principal"}


def examine(client, *more, host=None, **env):
    """The report, having checked that its two forms say the same."""
    argv = ["doctor", host or client.edge.host(), *more]
    files, runs = client.snapshot(), client.browser_runs()
    shown = client.run(*argv, **env)
    told = client.run(*argv, "--json", **env)
    assert client.browser_runs() == runs
    assert (shown.stderr, told.stderr) == ("", ""), shown
    assert shown.status == told.status, (shown, told)
    report = json.loads(told.stdout)
    assert told.stdout.count("\n") == 1
    assert report["status"] == told.status
    assert [stage["stage"] for stage in report["stages"]] == STAGES
    assert_reads_like(shown.stdout, report)
    added = set(client.snapshot()) - set(files)
    assert not [name for name in added if name.endswith((".lock", ".url", "-cf_key", "-cert.pub"))]
    return report


def assert_reads_like(text, report):
    title, *lines = text.splitlines()
    by_block = f", by the block in {report['block']}" if "block" in report else ""
    assert title == f"cfpipe doctor: {report['host']}{by_block}"
    fixes = [line for line in lines if line.lstrip().startswith("fix: ")]
    rows = [re.fullmatch(r"  (\S+) +(ok|failed|skipped)(?: +([\d.]+ ms))?(?:  +(.*))?", line) for line in lines if line not in fixes]
    assert all(rows), text
    assert [(row[1], row[2]) for row in rows] == [(stage["stage"], stage["result"]) for stage in report["stages"]], text
    assert all(bool(row[3]) == (row[2] != "skipped") for row in rows), text
    assert not re.search(r"[^ -~\n]| $", text, re.MULTILINE), "plain text, no trailing spaces"
    failed = [stage for stage in report["stages"] if stage["result"] == "failed"]
    assert [fix.strip() for fix in fixes] == [f"fix: {stage['fix']}" for stage in failed]


def stage_of(report, name):
    return report["stages"][STAGES.index(name)]


def assert_stops_at(report, name, status, says):
    assert (report["failed"], report["status"]) == (name, status), report
    before, after = report["stages"][:STAGES.index(name)], report["stages"][STAGES.index(name) + 1:]
    assert all(s["result"] == "ok" or s["stage"] in NOT_A_STAGE_OF_EVERYBODY for s in before), report
    assert all(s["result"] == "skipped" and s["ms"] == 0 for s in after), report
    stage = stage_of(report, name)
    assert stage["result"] == "failed" and stage["fix"]
    assert re.search(says, stage["message"]), stage
    return stage


def test_all_is_well(user):
    report = examine(user, "--user", worlds.USER)
    assert (report["status"], report["failed"]) == (0, None), report
    results = {stage["stage"]: stage["result"] for stage in report["stages"]}
    assert results == {**dict.fromkeys(STAGES, "ok"), "proxy": "skipped"}
    assert all(stage["ms"] > 0 for stage in report["stages"] if stage["result"] == "ok" and stage["stage"] != "principal"), report
    assert "127.0.0.1" in stage_of(report, "dns")["detail"]
    assert stage_of(report, "tls")["detail"].startswith("TLSv1.3, certificate by CN=")
    assert f"of auth.localhost:{user.edge.port}" in stage_of(report, "application")["detail"]
    assert worlds.EMAIL in stage_of(report, "token")["detail"]
    assert stage_of(report, "principal")["detail"] == worlds.USER
    assert stage_of(report, "ssh")["detail"].startswith("SSH-2.0-OpenSSH")


def test_a_certificate_in_the_state_directory_is_looked_at_and_left(user):
    user.ssh_gen().ok()
    files = user.snapshot("*-cf_key*")
    report = examine(user)
    assert report["status"] == 0
    assert "in the state directory" in stage_of(report, "certificate")["detail"]
    assert stage_of(report, "principal")["result"] == "skipped"
    assert user.snapshot("*-cf_key*") == files


def test_a_token_that_an_org_token_can_bring_is_there(user):
    user.token_file().unlink()
    assert examine(user)["status"] == 0


def test_name_that_does_not_resolve(user):
    report = examine(user, host="no-such-host.invalid")
    assert_stops_at(report, "dns", UNAVAILABLE, "does not resolve: no-such-host.invalid")


def test_port_that_refuses(user):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        report = examine(user, host=f"vm.localhost:{taken.getsockname()[1]}")
    assert_stops_at(report, "tcp", UNAVAILABLE, "refused")


def test_certificate_of_an_unknown_authority(user):
    report = examine(user, SSL_CERT_FILE="/etc/ssl/certs/ca-certificates.crt")
    stage = assert_stops_at(report, "tls", UNAVAILABLE, "issuer is not trusted")
    assert "--ca-file" in stage["fix"]


def test_host_that_is_no_application(misbehaving):
    client = misbehaving("not-access", login=False)
    stage = assert_stops_at(examine(client), "application", CONFIGURATION, "no Access application answers there")
    assert stage["http_status"] == 404 and stage["ray"]


def test_metadata_that_cannot_be_believed(misbehaving):
    client = misbehaving("meta-bad-signature", login=False)
    assert_stops_at(examine(client), "application", PROTOCOL, "cannot be believed")


def test_a_login_is_missing(client):
    stage = assert_stops_at(examine(client), "token", REFUSED, "no token for this application")
    assert "cfpipe login" in stage["fix"]
    assert client.browser_runs() == 0


def test_token_that_the_edge_does_not_take(user):
    path = user.token_file()
    bad = tokens.with_claims(path.read_text(), email="mallory@example.com")
    path.write_text(bad)
    assert_stops_at(examine(user), "token", REFUSED, "does not accept the token")
    assert path.read_text() == bad, "doctor only looks"


def test_an_unknown_service_token(client):
    more = ("--service-token-id", "absent.access", "--service-token-secret", "0123")
    assert_stops_at(examine(client, *more), "token", REFUSED, "service token was rejected")


@pytest.mark.parametrize("fault, status", [("sign-status=400", REFUSED), ("sign-status=500", UNAVAILABLE), ("sign-garbage", PROTOCOL)])
def test_certificate_that_is_not_signed(misbehaving, fault, status):
    assert_stops_at(examine(misbehaving(fault)), "certificate", status, "certificate cannot be used|did not sign|cannot serve")


def test_application_without_certificates_is_no_failure_unless_one_is_wanted(misbehaving):
    client = misbehaving("sign-status=404")
    report = examine(client)
    assert report["status"] == 0 and stage_of(report, "ssh")["result"] == "ok"
    assert "the edge signs none here" in stage_of(report, "certificate")["detail"]
    for more in (["--short-lived-cert"], ["--user", "ann"]):
        assert_stops_at(examine(client, *more), "certificate", REFUSED, r"did not sign the key.* \(status 404")


def test_a_certificate_for_another_user_name(user):
    report = examine(user, "--user", "pi")
    assert_stops_at(report, "principal", REFUSED, f"it is for {worlds.USER}, not pi")


def test_upgrade_that_is_refused(misbehaving):
    stage = assert_stops_at(examine(misbehaving("upgrade-status=403")), "ssh", REFUSED, "the edge refused access")
    assert stage["http_status"] == 403 and stage["ray"].endswith("-TST")


def test_origin_that_is_down(world, kind):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        client = Client(world, Edge(world, kind, f"127.0.0.1:{taken.getsockname()[1]}"))
        client.login()
        assert_stops_at(examine(client), "ssh", UNAVAILABLE, "cannot reach the origin")


def test_origin_that_speaks_something_else(world, kind):
    origin = world.closing(Origin(lambda connection, events: connection.sendall(b"220 mail.example.com ESMTP\r\n")))
    client = Client(world, Edge(world, kind, origin.address))
    client.login()
    assert_stops_at(examine(client), "ssh", PROTOCOL, "no SSH server: 220 mail.example.com ESMTP")


@pytest.mark.parametrize("says", ["Not allowed at this time", "Exceeded MaxStartups"])
def test_an_sshd_that_shuts_the_edge_out_is_no_other_server(world, kind, says):
    """OpenSSH 9.8 and later take the edge for one client, and the failures of all people behind it for its own."""
    origin = world.closing(Origin(lambda connection, events: connection.sendall(says.encode() + b"\r\n")))
    client = Client(world, Edge(world, kind, origin.address))
    client.login()
    assert_stops_at(examine(client), "ssh", UNAVAILABLE, f"takes no logins at present: {says}")


def test_origin_that_says_nothing(world, kind):
    released = threading.Event()
    origin = world.closing(Origin(lambda connection, events: released.wait(limits.COMMAND_DEADLINE)))
    client = Client(world, Edge(world, kind, origin.address))
    client.login()
    report = examine(client)
    released.set()
    assert_stops_at(report, "ssh", UNAVAILABLE, "says nothing")


def test_application_that_asks_for_no_login(world, sshd):
    policies = [{"name": "all", "decision": "bypass", "include": ["everyone"]}]
    client = Client(world, ConfiguredEdge(world, sshd.address, policies))
    report = examine(client)
    assert report["status"] == 0, report
    assert [stage_of(report, name)["result"] for name in ("token", "certificate", "principal")] == ["skipped"] * 3


def test_service_token_is_enough(world, sshd):
    policies = [{"name": "ci", "decision": "service_auth", "include": [{"service_token": "deploy"}]}]
    edge = ConfiguredEdge(world, sshd.address, policies, {"principals": ["email_prefix"], "service_principals": {"deploy": ["backup"]}})
    name, secret = edge.service_token("deploy")
    client = Client(world, edge)
    report = examine(client, "--user", "backup", TUNNEL_SERVICE_TOKEN_ID=name, TUNNEL_SERVICE_TOKEN_SECRET=secret)
    assert report["status"] == 0, report
    assert f"of {name}, " in stage_of(report, "token")["detail"]
    assert secret not in json.dumps(report)


@pytest.mark.parametrize("proxy", sorted(PROXIES))
def test_all_is_well_through_a_proxy(world, sshd, proxy):
    """Only the proxy can look the host up; what the machine can is the proxy."""
    proxy = PROXIES[proxy](world)
    client = far_client(world, "own", sshd, proxy)
    report = examine(client)
    assert report["status"] == 0, report
    assert stage_of(report, "proxy")["detail"] == f"{proxy.url} lets the connection through"
    assert stage_of(report, "tcp")["result"] == "skipped"
    assert proxy.address in stage_of(report, "dns")["detail"]
    assert proxy.password_in_url not in json.dumps(report)


def test_proxy_that_wants_a_login(world, sshd):
    proxy = PROXIES["http"](world)
    client = far_client(world, "own", sshd, proxy)
    report = examine(client, HTTPS_PROXY=proxy.url)
    assert_stops_at(report, "proxy", REFUSED, "the proxy wants a login")


def test_what_is_no_host_name_is_a_fault_of_usage(user):
    assert_fails(user.run("doctor"), USAGE)
    assert_fails(user.run("doctor", "vm..localhost"), USAGE)


def test_the_block_that_was_installed_says_what_the_command_line_does_not(world, kind, sshd):
    """Port, authority and auth domain: as ssh goes there."""
    edge = Edge(world, kind, sshd.address)
    sshd.trust(edge.ssh_ca())
    client, home = Client(world, edge), UserHome(world)
    client.login()
    (client.home / "trusted-auth-domains").unlink()
    env = {**client.env, "SSL_CERT_FILE": "/etc/ssl/certs/ca-certificates.crt"}
    cfpipe = lambda *argv: home.run(CFPIPE, *argv, env=env)
    before = json.loads(cfpipe("doctor", "vm.localhost", "--json").stdout)
    assert "block" not in before and before["failed"] == "tcp", before
    cfpipe("access", "ssh-config", "--install", "--hostname", edge.host(), "--short-lived-cert", "--ca-file", edge.ca_file,
           "--auth-domain", edge.auth_domain).ok()
    told = cfpipe("doctor", "vm.localhost", "--json").ok()
    report = json.loads(told.stdout)
    assert (report["host"], report["failed"]) == (edge.host(), None), report
    assert report["block"].endswith("/.ssh/config.d/cfpipe")
    assert_reads_like(cfpipe("doctor", "vm.localhost").ok().stdout, report)
    other = json.loads(cfpipe("doctor", "vm.localhost", "--json", "--ca-file", "/etc/ssl/certs/ca-certificates.crt").stdout)
    assert other["failed"] == "tls", "the command line comes first"
