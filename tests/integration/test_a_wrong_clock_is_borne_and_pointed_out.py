"""This machine's clock differs from the edge's: what is issued looks expired, or not valid yet, and is used all the same."""

import re

import pytest

from support import limits
from support.clients import CONFIGURATION, Client, ERROR_LINE, Ssh, assert_fails
from support.clocks import at
from support.edges import Edge

pytestmark = pytest.mark.skipif(limits.SANITIZED, reason="libfaketime and the sanitizers both want to be loaded first")

WARNING = re.compile(r"^cfpipe: certificate: warning: this machine's clock .*$", re.MULTILINE)


def the_warning(finished):
    warnings = WARNING.findall(finished.stderr)
    assert len(warnings) == 1, finished
    assert ERROR_LINE.fullmatch(warnings[0])
    return warnings[0]


def ssh_on(client, style):
    """The real ssh at the real time, whose ProxyCommand has the wrong one: so has sshd the right one."""
    ssh = Ssh(client, style)
    wrong = ["LD_PRELOAD", "FAKETIME", "DONT_FAKE_MONOTONIC"]
    shifted = client.world.script(f"cfpipe-at-{len(list(client.world.path('bin').iterdir()))}", "exec env "
                                  + " ".join(f"'{n}={client.env[n]}'" for n in wrong) + f" {limits.BUILD}/cfpipe \"$@\"")
    ssh.config.write_text(ssh.config.read_text().replace(str(limits.BUILD / "cfpipe"), str(shifted)))
    ssh.client = type(client).__new__(type(client))
    ssh.client.__dict__ = {**client.__dict__, "env": {k: v for k, v in client.env.items() if k not in wrong}}
    return ssh


@pytest.mark.parametrize("style", ["agent", "match"])
@pytest.mark.parametrize("offset, says", [("+10m", r"10 min \d+ s ahead of|9 min 59 s ahead of"),
                                          ("-10m", r"10 min \d+ s behind|9 min 59 s behind")])
def test_ssh_logs_in(user, style, offset, says):
    ssh = ssh_on(at(user, offset), style)
    done = ssh.run("echo in").ok()
    assert done.stdout == "in\n"
    assert re.search(says, the_warning(done)), done


def test_a_minute_is_nothing_to_speak_of(user):
    assert WARNING.findall(ssh_on(at(user, "+50s"), "agent").run("true").ok().stderr) == []


def test_a_certificate_on_disk_is_renewed_when_it_has_really_expired(user):
    late = at(user, "-10m")
    the_warning(late.ssh_gen().ok())
    first = user.file("*-cf_key-cert.pub").read_text()
    assert late.ssh_gen().ok().stderr == ""
    assert user.file("*-cf_key-cert.pub").read_text() == first
    # Five minutes on: still before the end that the late clock sees, and after the one that sshd does.
    at(user, "-5m").ssh_gen().ok()
    assert user.file("*-cf_key-cert.pub").read_text() != first


def test_a_token_that_looks_expired_is_used(world, sshd):
    edge = Edge(world, "mock", sshd.address, faults=["token-ttl=300"])
    early = at(Client(world, edge), "+10m")
    opened = early.run("access", "ssh", "--hostname", edge.host()).ok()
    assert "10 min" in the_warning(opened) or "9 min 59" in the_warning(opened)
    # Nor is it thrown away.
    the_warning(early.run("access", "ssh", "--hostname", edge.host()).ok())
    assert early.browser_runs() == 1


def test_what_a_day_old_statement_may_be_is_not_believed(user):
    failed = assert_fails(at(user, "+26h").ssh_gen(), CONFIGURATION, "application", "26 h 0 min ahead of|25 h 59 min ahead of")
    assert "set this machine's clock" in failed["todo"]


def test_a_right_clock_is_not_spoken_of(user):
    for style in ("agent", "match"):
        assert "clock" not in Ssh(user, style).run("true").ok().stderr
