"""A key on a security key, in the user's agent: certified, and the device makes the signature. The device is software;
ssh-keygen, ssh-agent and their helper are OpenSSH's."""

import re

import pytest

from support import limits
from support.agents import UsersAgent, fingerprint, make_key
from support.clients import Ssh

PROVIDER = limits.BUILD / "tests/integration/security_key/security_key.so"
KINDS = {"ed25519-sk": "ED25519-SK-CERT", "ecdsa-sk": "ECDSA-SK-CERT"}
pytestmark = pytest.mark.parametrize("kind", ["own"], indirect=True)


@pytest.mark.parametrize("style", ["agent", "match"])
@pytest.mark.parametrize("of", sorted(KINDS))
def test_ssh_logs_in_with_a_key_on_a_security_key(user, sshd, style, of):
    device = {"SSH_SK_PROVIDER": str(PROVIDER)}
    agent = UsersAgent(user, ["-P", str(PROVIDER)])
    print_ = agent.add("on my key ring", of, **device)
    argv = ["access", "ssh-config", "--hostname", user.edge.host(), "--style", style, "--key", "agent:on my key ring"]
    ssh = Ssh(user, text=user.run(*argv).ok().stdout)
    assert ssh.run("echo in").ok().stdout == "in\n"
    assert re.findall(rf"Accepted publickey .* {KINDS[of]} (SHA256:\S+) ID ", sshd.log()) == [print_]


@pytest.mark.parametrize("of", sorted(KINDS))
def test_a_file_of_a_security_key_is_certified(user, sshd, of):
    key = make_key(user.world, "id_sk", "ann", of, SSH_SK_PROVIDER=str(PROVIDER))
    ssh = Ssh(user, text=user.run("access", "ssh-config", "--hostname", user.edge.host(), "--key", str(key)).ok().stdout)
    assert ssh.run("echo in", "-o", f"SecurityKeyProvider={PROVIDER}").ok().stdout == "in\n"
    assert fingerprint(user.world, key) in sshd.log()
