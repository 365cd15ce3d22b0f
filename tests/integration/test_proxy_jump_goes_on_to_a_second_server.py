"""`ssh -J` through the server behind the edge to another one, which trusts the same authority."""

import re

import pytest

from support.clients import Ssh
from support.servers import Sshd
from support.world import USER

BEHIND = """
{again}
  HostName 127.0.0.1
  Port {port}
  HostKeyAlias second
"""


@pytest.fixture(params=["match", "agent"])
def both(request, world, user):
    """OpenSSH that knows the host of the edge, and `second` behind it; and the sshd of the latter."""
    through = user.edge.hosts[0]
    second = Sshd(world, "sshd-2")
    second.trust(user.edge.ssh_ca())
    generated = Ssh(user, request.param).text
    # The same key for both: what the generated block says of it is said again, with the first host's name in it.
    names_key = re.findall(r"^(?:Host|Match|  Identity|  Certificate).*$", generated, re.MULTILINE)
    again = "\n".join(names_key).replace("%h", through)
    again = re.sub(f"^(Host|Match host) {through}", r"\1 second", again)
    more = BEHIND.format(again=again, port=second.address.rsplit(":", 1)[1])
    return Ssh(user, host="second", text=generated + more), second


def test_a_jump_reaches_the_second_server(both, sshd):
    ssh, second = both
    through = ssh.client.edge.hosts[0]
    done = ssh.run("echo $SSH_CONNECTION; id -un; exit 6", "-J", through)
    assert done.status == 6, done
    assert done.stdout.splitlines()[1] == USER
    for server in (sshd, second):
        assert server.log().count("Accepted publickey for") == 1
    assert ssh.client.browser_runs() == 1


def test_a_jump_in_the_configuration_serves_scp_too(both):
    ssh, second = both
    original, copy = ssh.world.path("original"), ssh.world.path("copy")
    original.write_bytes(b"over two servers\n" * 10_000)
    ssh.scp("-o", f"ProxyJump={ssh.client.edge.hosts[0]}", original, f"second:{copy}").ok()
    assert copy.read_bytes() == original.read_bytes()
    assert "Accepted certificate ID" in second.log()
