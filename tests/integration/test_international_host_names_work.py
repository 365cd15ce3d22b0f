"""Host names in UTF-8 are the same as their A-labels: on the wire, in file names, in generated configuration."""

import pytest

from support.clients import Client, USAGE, assert_fails
from support.edges import Edge

ASCII = "xn--bcher-kva.localhost"
NAMES = ["bücher.localhost", "BÜCHER.localhost", "bu\u0308cher.localhost"]


@pytest.fixture
def user(world, kind, sshd):
    client = Client(world, Edge(world, kind, sshd.address, hosts=(ASCII,)))
    client.login()
    return client


@pytest.mark.parametrize("name", NAMES)
def test_tunnel_opens_and_the_token_is_the_same(user, name):
    host = f"{name}:{user.edge.port}"
    assert user.banner("--hostname", host).startswith("SSH-2.0-")
    assert user.run("access", "token", f"https://{host}/").ok().stdout == user.token()
    assert user.browser_runs() == 1


def test_files_and_configuration_have_the_a_label(user):
    user.run("access", "ssh-gen", "--hostname", f"{NAMES[0]}:{user.edge.port}").ok()
    assert user.file("*-cf_key").name == f"{ASCII}-cf_key"
    text = user.run("access", "ssh-config", "--hostname", NAMES[0]).ok().stdout
    assert f"Host {ASCII}\n" in text and "ü" not in text


def test_name_that_is_none_is_refused(user):
    for name in ("b\u2028ücher.localhost", "ü..localhost", "user@ü.localhost"):
        assert_fails(user.run("access", "ssh", "--hostname", name), USAGE, "input")
