"""Whatever the level, a log names hosts, statuses and causes, and never what would let its reader in."""

import re
import stat

import pytest

from support.agents import UsersAgent

PLANTED = "planted-0b7e6a52"
LEVELS = ["debug", "info", "warn", "error", "fatal", "trace"]


def secrets_of(client):
    """Tokens, their signatures, and private keys: of every file of the state directory."""
    found = [PLANTED]
    for path in client.home.glob("*-token"):
        token = path.read_text().strip()
        found += [token, token.split(".")[2]]
    for path in client.home.glob("*-cf_key"):
        found += [line for line in path.read_text().splitlines() if "-----" not in line]
    for path in client.home.glob("*.tls-ticket"):
        found.append(path.read_bytes()[-64:].decode("latin-1"))
    return found


def secrets_of_edge(edge):
    """Its private keys, as far as they are in files."""
    texts = [p.read_text(errors="replace") for p in edge.state.iterdir() if p.is_file()]
    keys = [part for text in texts if "PRIVATE KEY" in text for part in text.splitlines()]
    return [line for line in keys if len(line) > 40 and "-----" not in line]


def assert_private(log, secrets):
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    text = log.read_text()
    assert [secret for secret in secrets if secret in text] == []
    return text


def run_everything(client, logging):
    """Every command that has to do with secrets. Returns them, the capability in the login's URL and its link among them."""
    login = client.run("access", "login", "--quiet", *logging, client.edge.url()).ok()
    shown = client.edge.login_address().search(login.stderr)
    page = re.search(r"^https://\S+[?&]token=(\S+)$", client.pages_opened()[-1])
    assert shown and page, login
    host = ("--hostname", client.edge.host())
    client.run("access", "ssh-gen", *host, *logging).ok()
    header = ["--header", f"X-Planted: {PLANTED}"]
    client.banner(*host, *header, *logging)
    client.banner(*host, "--agent", str(client.world.path("agent")), "--key-type", "ed25519", *logging)
    agent = UsersAgent(client)
    agent.add("mine")
    client.run("access", "ssh-gen", *host, "--key", "agent:mine", *logging).ok()
    client.run("access", "token", client.edge.url(), *logging).ok()
    client.run("access", "ssh-config", *host, "--short-lived-cert", *logging).ok()
    secrets = [*secrets_of(client), page.group(1), shown.group(0)]
    # One that fails on the way, with an unknown service token.
    service = ["--id", f"{PLANTED}.access", "--secret", PLANTED]
    failed = client.run("access", "ssh", *host, *service, *logging)
    assert failed.status != 0 and PLANTED not in failed.stderr, failed
    listener = client.start("access", "tcp", *host, "--url", "127.0.0.1:0", *header, *logging)
    port = int(listener.stderr.wait_for(r"listening on 127\.0\.0\.1:(\d+)").group(1))
    client.world.run(["ssh-keyscan", "-p", str(port), "-t", "ed25519", "127.0.0.1"]).ok()
    assert listener.stop() == 0
    listener.process.stdin.close()
    listener.process.stdout.close()
    assert PLANTED not in listener.stderr.text
    client.run("access", "logout", *logging).ok()
    return secrets


@pytest.mark.parametrize("level", LEVELS)
def test_logs_hold_no_secrets(client, level):
    log = client.world.path("client.log")
    log.touch(mode=0o644)
    secrets = run_everything(client, ["--log-level", level, "--log-file", str(log)])
    assert len(secrets) > 8, secrets
    text = assert_private(log, secrets)
    assert "error" in text or level == "fatal"
    assert (" debug application " in text) == (level in ("debug", "trace"))
    # Nor has the edge written down what it was shown.
    edge = client.edge
    said = edge.child.stderr.text + "".join(p.read_text(errors="replace") for p in edge.state.glob("*.log"))
    if edge.kind == "own":
        assert "audit kind=certificate" in said
        assert [secret for secret in [*secrets, *secrets_of_edge(edge)] if secret in said] == []


def test_a_log_is_never_written_through_a_link(user):
    elsewhere = user.world.path("elsewhere")
    link = user.world.path("link")
    link.symlink_to(elsewhere)
    refused = user.tunnel("--log-file", str(link))
    assert refused.status == 78, refused
    assert not elsewhere.exists()


def test_errors_in_the_log_are_the_lines_that_were_shown(client):
    log = client.world.path("client.log")
    shown = client.run("access", "ssh", "--hostname", "absent.localhost:1", "--log-file", str(log))
    assert shown.status == 69, shown
    assert shown.stderr.strip().removeprefix("cfpipe: ") in log.read_text()
    twice = client.run("access", "ssh", "--hostname", "absent.localhost:1", "--log-level", "debug")
    assert twice.stderr.count("refused") == 1, twice
