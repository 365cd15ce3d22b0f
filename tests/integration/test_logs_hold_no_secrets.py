"""Whatever the level, a log names hosts, statuses and causes, and never what would let its reader in."""

import re
import stat

import pytest

PLANTED = "planted-0b7e6a52"
LEVELS = ["debug", "info", "warn", "error", "fatal", "trace"]


def secrets_of(client):
    """Tokens, their signatures, and the private key: of every file of the state directory."""
    found = [PLANTED]
    for path in client.home.glob("*-token"):
        token = path.read_text().strip()
        found += [token, token.split(".")[2]]
    for path in client.home.glob("*-cf_key"):
        found += [line for line in path.read_text().splitlines() if "-----" not in line]
    return found


def assert_private(log, secrets):
    assert stat.S_IMODE(log.stat().st_mode) == 0o600
    text = log.read_text()
    assert [secret for secret in secrets if secret in text] == []
    return text


@pytest.mark.parametrize("level", LEVELS)
def test_logs_hold_no_secrets(client, level):
    log = client.world.path("client.log")
    log.touch(mode=0o644)
    logging = ["--log-level", level, "--log-file", str(log)]
    login = client.run("access", "login", "--quiet", *logging, client.edge.url()).ok()
    page = re.search(r"^https://\S+[?&]token=(\S+)$", login.stderr, re.MULTILINE)
    assert page, login
    client.run("access", "ssh-gen", "--hostname", client.edge.host(), *logging).ok()
    header = ["--header", f"X-Planted: {PLANTED}"]
    client.banner("--hostname", client.edge.host(), *header, *logging)
    # One that fails on the way, with the service token of nobody.
    service = ["--id", f"{PLANTED}.access", "--secret", PLANTED]
    failed = client.run("access", "ssh", "--hostname", client.edge.host(), *service, *logging)
    assert failed.status != 0 and PLANTED not in failed.stderr, failed
    text = assert_private(log, [*secrets_of(client), page.group(1)])
    assert "error" in text or level == "fatal"
    assert (" debug application " in text) == (level in ("debug", "trace"))


def test_a_log_is_never_written_through_a_link(user):
    elsewhere = user.world.path("elsewhere")
    link = user.world.path("link")
    link.symlink_to(elsewhere)
    refused = user.tunnel("--log-file", str(link))
    assert refused.status == 78, refused
    assert not elsewhere.exists()


def test_errors_in_the_log_are_the_lines_that_were_shown(client):
    log = client.world.path("client.log")
    shown = client.run("access", "ssh", "--hostname", "nobody.localhost:1", "--log-file", str(log))
    assert shown.status == 69, shown
    assert shown.stderr.strip().removeprefix("cfpipe: ") in log.read_text()
    twice = client.run("access", "ssh", "--hostname", "nobody.localhost:1", "--log-level", "debug")
    assert twice.stderr.count("refused") == 1, twice
