"""Host names go into file names, URLs and headers: what is none is refused before anything is opened."""

import pytest

from support import edges
from support.clients import USAGE, Client, assert_fails

BAD_NAMES = {
    "parent directory": "../../etc/passwd",
    "parent directory behind a host": "vm.localhost/../../../etc",
    "newline": "vm.localhost\nProxyCommand=evil",
    "carriage return": "vm.localhost\r\nX-Injected: yes",
    "escape": "vm\x1b[2J.localhost",
    "space": "vm .localhost",
    "user": "user@vm.localhost",
    "empty label": "vm..localhost",
    "too long": "a" * 300 + ".localhost",
    "port out of range": "vm.localhost:70000",
    "another scheme": "ftp://vm.localhost",
    "empty": "",
}


@pytest.fixture
def client(world):
    """A client without an edge: nothing here may get as far as asking one."""
    class Nowhere:
        ca_file = "/etc/ssl/certs/ca-certificates.crt"
        hosts = (edges.HOST,)
        auth_host = edges.AUTH_HOST
    return Client(world, Nowhere)


@pytest.mark.parametrize("name", BAD_NAMES.values(), ids=BAD_NAMES.keys())
@pytest.mark.parametrize("command", ["ssh", "ssh-gen", "ssh-config"])
def test_bad_host_name_is_refused(client, command, name):
    files = client.snapshot()
    finished = client.run("access", command, "--hostname", name)
    assert_fails(finished, USAGE)
    assert not any(ord(c) < 32 for c in finished.stderr.rstrip("\n")), finished
    assert client.snapshot() == files
    assert client.browser_runs() == 0


@pytest.mark.parametrize("command, says", [("ssh", "Usage: cfpipe ssh "), ("ssh-gen", "Usage: cfpipe ssh-gen "),
                                           ("ssh-config", "# For the hostname of yours")])
def test_without_a_host_name_help_is_given_as_by_the_public_client(client, command, says):
    assert client.run("access", command).ok().stdout.startswith(says)


def test_unknown_option_and_unknown_command_are_faults_of_usage(client):
    assert_fails(client.run("access", "ssh", "--hostname", "vm.localhost", "--no-such-option"), USAGE)
    assert_fails(client.run("no-such-command"), USAGE)
