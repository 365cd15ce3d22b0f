"""A certificate that was not signed, or not for this key, is never written or used."""

import pytest

from support.clients import ERROR_LINE, PROTOCOL, REFUSED, UNAVAILABLE, Ssh, assert_fails
from support.listener import Listener, first_line

# Longer than a tunnel takes to open and to say its banner.
SIGNER_MS = 3000
# Longer than one takes to end, too, behind an edge that does not half-close.
SLOW_SIGNER_MS = 8000


def signatures(client):
    """How often the mock was asked for one."""
    return len([event for event in client.edge.requests() if event.get("path") == "/cdn-cgi/access/cert_sign"])


@pytest.mark.parametrize("answer, status", [(403, REFUSED), (404, REFUSED), (429, UNAVAILABLE), (500, UNAVAILABLE), (503, UNAVAILABLE)])
def test_refusal_is_named_with_its_status(misbehaving, answer, status):
    client = misbehaving(f"sign-status={answer}")
    assert_fails(client.ssh_gen(), status, "certificate", f"status {answer}")
    assert not list(client.home.glob("*-cert.pub"))
    assert client.browser_runs() == 1


@pytest.mark.parametrize("fault", ["sign-garbage", "sign-wrong-key"])
def test_certificate_that_is_none_is_a_fault_of_the_protocol(misbehaving, fault):
    client = misbehaving(fault)
    token = client.token_file().read_text()
    assert_fails(client.ssh_gen(), PROTOCOL, "certificate")
    assert not list(client.home.glob("*-cert.pub"))
    assert client.token_file().read_text() == token


def test_plain_text_refusal_makes_the_client_try_once_more_with_a_fresh_token(misbehaving):
    """An expired token has been seen to be answered in plain text: never a parser's complaint, and no dead end."""
    client = misbehaving("sign-plain-text")
    before = client.token_file().read_text()
    client.ssh_gen().ok()
    assert client.file("*-cert.pub")
    assert client.token_file().read_text() != before
    assert client.browser_runs() == 1


def test_signer_that_is_slow_is_waited_for(misbehaving):
    client = misbehaving("sign-delay-ms=1500")
    client.ssh_gen().ok()
    assert client.file("*-cert.pub")


def test_agent_style_does_not_wait_for_the_signer_and_ends_with_its_refusal(misbehaving):
    """The tunnel is open and says its banner; then comes the refusal, and ssh is not left waiting for a key."""
    client = misbehaving("sign-status=500", f"sign-delay-ms={SIGNER_MS}")
    agent = client.world.path("agent")
    child = client.start("access", "ssh", "--hostname", client.edge.host(), "--agent", agent)
    with child.process.stdout as output:
        assert output.readline().startswith(b"SSH-2.0-")
        assert child.stderr.text == ""
        asked = client.world.run(["ssh-add", "-l"], {**client.env, "SSH_AUTH_SOCK": str(agent)})
        assert (asked.status, "CERT" in asked.stdout) == (1, False)  # told that there is nothing, or hung up on
        assert child.wait() == UNAVAILABLE
    child.process.stdin.close()
    assert ERROR_LINE.fullmatch(child.stderr.text.strip())["stage"] == "certificate"
    assert not agent.exists()


def test_agent_style_signs_once_more_behind_the_open_tunnel(misbehaving):
    client = misbehaving("sign-plain-text", f"sign-delay-ms={SIGNER_MS}")
    before = client.token_file().read_text()
    assert Ssh(client, "agent").run("echo made it").ok().stdout == "made it\n"
    assert client.token_file().read_text() != before
    upgrades = [event for event in client.edge.requests() if event["event"] == "request" and event["upgrade"]]
    assert len(upgrades) == 1
    assert client.browser_runs() == 1


def test_agent_of_a_listener_waits_for_the_signer_as_well(misbehaving):
    """Each connection that needs a certificate is open at once, and one is made for them all."""
    client = misbehaving(f"sign-delay-ms={SIGNER_MS}")
    agent = client.world.path("agent")
    listener = Listener(client, "127.0.0.1:0", "--agent", agent)
    connections = [listener.connect() for _ in range(3)]
    for connection in connections:
        assert first_line(connection).startswith("SSH-2.0-")
    asked = client.world.run(["ssh-add", "-l"], {**client.env, "SSH_AUTH_SOCK": str(agent)}).ok()
    assert "ECDSA-CERT" in asked.stdout
    for connection in connections:
        connection.close()
    assert listener.stop() == 0
    assert signatures(client) == 1


def test_who_leaves_while_the_signer_works_does_not_take_the_others_certificate_along(misbehaving):
    client = misbehaving(f"sign-delay-ms={SLOW_SIGNER_MS}")
    agent = client.world.path("agent")
    listener = Listener(client, "127.0.0.1:0", "--agent", agent)
    first = listener.connect()
    assert first_line(first).startswith("SSH-2.0-")
    with listener.connect() as second:
        assert first_line(second).startswith("SSH-2.0-")
        first.close()
        asked = client.world.run(["ssh-add", "-l"], {**client.env, "SSH_AUTH_SOCK": str(agent)}).ok()
        assert "ECDSA-CERT" in asked.stdout
    assert listener.stop() == 0
    assert listener.child.stderr.text.splitlines() == [f"cfpipe: listening on {listener.address}"]
