"""ssh logs in under a name that the certificate is not for: said before sshd refuses, with what sshd needs to take it."""

import re

import pytest

from support import world as worlds
from support.clients import ERROR_LINE, Ssh

WARNING = re.compile(r"^cfpipe: certificate: warning: .*$", re.MULTILINE)


@pytest.mark.parametrize("style", ["agent", "match", "chain"])
def test_a_certificate_for_another_user_name_is_pointed_out(user, style):
    ssh = Ssh(user, style)
    refused = ssh.run("true", "-l", "pi")
    assert refused.status == 255, refused
    warnings = WARNING.findall(refused.stderr)
    assert len(warnings) == 1, refused
    assert ERROR_LINE.fullmatch(warnings[0])
    assert f"it is for {worlds.USER}, you asked for pi" in warnings[0]
    assert "AuthorizedPrincipalsFile /etc/ssh/principals/%u" in warnings[0]
    assert f"'{worlds.USER}' into /etc/ssh/principals/pi" in warnings[0]
    # In time: before ssh itself has anything to say about it.
    assert refused.stderr.index(warnings[0]) < refused.stderr.index("Permission denied")
    if style != "chain":  # which opens a shell whatever it is asked to run
        assert WARNING.findall(ssh.run("true").ok().stderr) == []


@pytest.mark.parametrize("kind", ["own"], indirect=True)
def test_what_is_said_makes_sshd_take_the_certificate(world, user, sshd):
    # The other way round: an account whose certificate has another name, and sshd configured as the warning says.
    principals = sshd.state / "principals"
    principals.mkdir()
    (principals / worlds.USER).write_text("another\n")
    config = sshd.state / "sshd_config"
    config.write_text(f"AuthorizedPrincipalsFile {principals}/%u\nStrictModes no\n" + config.read_text())
    ssh = Ssh(user, "agent")
    assert ssh.run("true").status == 255
    (principals / worlds.USER).write_text(f"another\n{worlds.USER}\n")
    ssh.run("true").ok()


@pytest.mark.parametrize("kind", ["own"], indirect=True)
def test_a_listener_says_it_once(user):
    child = user.start("access", "tcp", "--hostname", user.edge.host(), "--url", "127.0.0.1:0", "--short-lived-cert",
                       "--user", "pi")
    port = int(child.stderr.wait_for(r"listening on 127\.0\.0\.1:(\d+)").group(1))
    for _ in range(2):
        argv = ["ssh-keyscan", "-p", str(port), "-t", "ed25519", "127.0.0.1"]
        user.world.run(argv).ok()
    assert child.stop() == 0
    child.process.stdout.close()
    child.process.stdin.close()
    assert len(WARNING.findall(child.stderr.text)) == 1, child.stderr.text
