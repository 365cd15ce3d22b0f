"""Logins of cloudflared and ours keep out of each other's way: who holds a lock is waited for, who is dead is not."""

import contextlib
import os
import threading
import time

import pytest

from support import logins, tokens
from support.clients import Client

HOLD_SECONDS = 600  # of a process that only has to be there
STALE_SECONDS = 660


@pytest.fixture
def token_name(client):
    """The name of the application's token file, as another user's login has it."""
    other = Client(client.world, client.edge, name="other")
    other.login()
    return other.token_file().name


def holder(client):
    """A process that could have made a lock."""
    return client.world.start(["sleep", str(HOLD_SECONDS)], client.env)


def log_in(client):
    return client.start("access", "login", "--quiet", client.edge.url(), collect=True)


def test_a_lock_of_2026_is_waited_for_and_its_url_shown_until_its_process_is_gone(client, token_name):
    other = holder(client)
    (client.home / f"{token_name}.lock").write_text(logins.lock_of(other.pid))
    url = f"{client.edge.url()}cdn-cgi/access/cli?token=of-another"
    (client.home / f"{token_name}.url").write_text(url)
    waiting = log_in(client)
    assert waiting.stderr.wait_for("^https://.*$").group(0) == url
    assert client.browser_runs() == 0
    other.kill()
    assert waiting.wait() == 0
    assert client.browser_runs() == 1
    assert not list(client.home.glob("*.lock")) and not list(client.home.glob("*.url"))


def test_a_token_that_cloudflared_writes_is_taken_although_its_lock_stays(client, token_name):
    """It leaves its lock behind for as long as it runs."""
    other = holder(client)
    lock = client.home / f"{token_name}.lock"
    lock.write_text(logins.lock_of(other.pid))
    waiting = log_in(client)
    waiting.stderr.wait_for("another process")
    # In place, and empty first, as cloudflared does it.
    with open(client.home / token_name, "w", opener=lambda path, flags: os.open(path, flags, 0o600)) as file:
        file.flush()
        file.write((client.world.path("other") / token_name).read_text())
    assert waiting.wait() == 0
    assert client.browser_runs() == 0
    assert lock.exists(), "it is not ours"


@contextlib.contextmanager
def kept_fresh(path):
    over = threading.Event()

    def touch():
        while not over.wait(0.5):
            os.utime(path)

    thread = threading.Thread(target=touch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def test_a_lock_of_2023_is_waited_for_until_it_goes(client, token_name):
    lock = client.home / f"{token_name}.lock"
    lock.touch(mode=0o600)
    with kept_fresh(lock):  # a lock without a process counts for seconds, and this machine may be slow
        waiting = log_in(client)
        waiting.stderr.wait_for("another process is logging in")
    assert client.browser_runs() == 0
    lock.unlink()
    assert waiting.wait() == 0
    assert client.browser_runs() == 1


@pytest.mark.parametrize("content", ["", "{\"pid\":"])
def test_a_lock_without_a_process_is_taken_after_seconds(client, token_name, content):
    """What a process leaves that was killed before it had written its name."""
    lock = client.home / f"{token_name}.lock"
    lock.write_text(content)
    client.login()
    assert client.browser_runs() == 1
    assert not lock.exists()


@pytest.mark.parametrize("content", ["", "of a living process"])
def test_a_lock_that_is_too_old_is_taken(client, token_name, content):
    lock = client.home / f"{token_name}.lock"
    lock.write_text(content and logins.lock_of(holder(client).pid))
    long_ago = time.time() - STALE_SECONDS
    os.utime(lock, (long_ago, long_ago))
    client.login()
    assert client.browser_runs() == 1
    assert not lock.exists()


def test_a_lock_of_a_process_that_has_another_start_is_taken(client, token_name):
    """Its number went to another process."""
    lock = client.home / f"{token_name}.lock"
    lock.write_text('{"pid":%d,"start_time":1600000000000}\n' % holder(client).pid)
    client.login()
    assert client.browser_runs() == 1
    assert not lock.exists()


@pytest.mark.parametrize("end", ["logout", "refusal"])
def test_a_lock_that_outlives_its_login_does_not_hold_up_the_next(user, end):
    """cloudflared keeps it as long as its tunnel lives, and the token may go before."""
    token = user.token_file()
    lock = user.home / f"{token.name}.lock"
    lock.write_text(logins.lock_of(holder(user).pid))
    before_the_token = token.stat().st_mtime - 1
    os.utime(lock, (before_the_token, before_the_token))
    if end == "logout":
        user.run("access", "logout", user.edge.url()).ok()
    else:
        user.file("*-org-token").unlink()
        token.write_text(tokens.with_other_signature(token.read_text()))
    assert user.banner().startswith("SSH-2.0-")
    assert user.browser_runs() == 2
