"""An application that anybody may pass is reached without a login: no token, no browser, no complaint."""

import re

import pytest

from support import world as worlds
from support.clients import CFPIPE, Client, REFUSED, Ssh, assert_fails
from support.configured_edge import ConfiguredEdge

EVERYBODY = {"name": "open", "decision": "bypass", "include": ["everyone"]}
ELSEWHERE = {"name": "office", "decision": "bypass", "include": [{"ip": "192.0.2.0/24"}]}
STAFF = {"name": "staff", "decision": "allow", "include": [{"email": worlds.EMAIL}]}


@pytest.fixture
def client_of(world, sshd):
    def start(*policies):
        edge = ConfiguredEdge(world, sshd.address, list(policies))
        sshd.trust(edge.ssh_ca())
        return Client(world, edge)
    return start


@pytest.mark.parametrize("policies", [[EVERYBODY], [STAFF, EVERYBODY]], ids=["alone", "behind-an-allow"])
def test_tunnel_opens_without_a_login(client_of, policies):
    client = client_of(*policies)
    for _ in range(2):
        assert client.banner().startswith("SSH-2.0-")
    assert client.browser_runs() == 0
    assert not list(client.home.glob("*-token"))
    assert {row["identity"] for row in client.edge.audit()} == {""}


def test_those_whom_the_bypass_does_not_cover_log_in(client_of):
    client = client_of(ELSEWHERE, STAFF)
    assert client.banner().startswith("SSH-2.0-")
    assert client.browser_runs() == 1


def test_certificate_wants_a_login_all_the_same(client_of, sshd):
    client = client_of(EVERYBODY, STAFF)
    assert Ssh(client, "agent").run("echo made it").ok().stdout == "made it\n"
    assert client.browser_runs() == 1
    assert worlds.EMAIL in sshd.log()


def test_application_for_service_tokens_alone_is_named_without_a_browser(client_of):
    client = client_of({"name": "ci", "decision": "service_auth", "include": ["any_valid_service_token"]})
    assert_fails(client.tunnel(), REFUSED, "application", "takes service tokens only")
    assert client.browser_runs() == 0


def test_login_is_told_at_once_that_there_is_none(client_of):
    client = client_of(EVERYBODY)
    finished = client.run("access", "login", client.edge.url())
    assert_fails(finished, REFUSED, "login", "does not ask users to sign in: vm.localhost")
    assert client.browser_runs() == 0
    both = client_of(EVERYBODY, STAFF)
    assert both.run("access", "login", "--no-verbose", both.edge.url()).ok().stdout.count(".") == 2
    assert both.browser_runs() == 1, "those who may sign in get their token"


def test_curl_goes_without_a_token(client_of):
    client = client_of(EVERYBODY)
    shown = client.run("access", "curl", client.edge.url(), "-sS", "-o", "/dev/null", "-w", "%{http_code}").ok()
    assert shown.stdout.isdigit() and shown.stdout[0] != "3", "it was sent to no login"
    assert client.browser_runs() == 0
    assert not list(client.home.glob("*-token"))


def test_no_state_directory_is_needed(client_of, world):
    client = client_of(EVERYBODY)
    env = {name: value for name, value in client.env.items() if name != "CFPIPE_HOME"}
    argv = [CFPIPE, "access", "ssh", "--auth-domain", client.edge.auth_host, "--hostname", client.edge.host()]
    finished = world.run(argv, {**env, "HOME": "/nonexistent"}).ok()
    assert finished.output.startswith(b"SSH-2.0-")
    assert re.fullmatch(r"cfpipe: state: warning: nothing is kept .*CFPIPE_HOME.*\n", finished.stderr)
