"""However many processes need the same token at once, one logs in; and none waits for one that is dead."""

import json
import signal
import time

import pytest

from support.clients import Client, REFUSED
from support.edges import Edge
from support.logins import HeldBrowser, banners, let_go
from support.origin import Origin

STARTS = 50
FEWER_STARTS = 8
# All are connected this long after the token's arrival, in seconds; on a machine that needs longer for as many that
# have had the token from the start, in this many times what those take.
AFTER_THE_TOKEN = 1.0
TIMES_A_WARM_START = 2.0


def log_ins(client, count, *more, host=None, **options):
    return [client.start("access", "login", "--quiet", *more, client.edge.url(host), **options) for _ in range(count)]


def tunnels(client, count, **env):
    return [client.start("access", "ssh", "--hostname", client.edge.host(), env=env) for _ in range(count)]


def finish(children):
    for child in children:
        child.process.stdin.close()
        assert child.process.stdout.read() == b""
        child.process.stdout.close()
    return [child.wait() for child in children]


def greet(connection, events):
    connection.sendall(b"SSH-2.0-greeter\r\n")
    while connection.recv(4096):
        pass


def assert_nothing_is_left(client):
    assert not [name for end in ("lock", "url", "link") for name in client.home.glob(f"*.{end}")]


@pytest.fixture
def greeted(world, kind):
    """A client of an edge whose origin greets at once and costs nothing."""
    return Client(world, Edge(world, kind, world.closing(Origin(greet)).address))


def test_fifty_starts_open_one_browser(client):
    assert finish(log_ins(client, STARTS)) == [0] * STARTS
    assert client.browser_runs() == 1
    assert_nothing_is_left(client)


def test_fifty_tunnels_are_open_a_second_after_the_token_came(greeted):
    browser = HeldBrowser(greeted)
    waiting = tunnels(greeted, STARTS, **browser.env)
    for child in waiting:
        child.stderr.wait_for("^https://")
    assert not list(greeted.home.glob("*-token"))
    browser.release()
    lines, open_at = banners(waiting)
    assert lines == ["SSH-2.0-greeter\r\n"] * STARTS
    token_at = time.monotonic() - (time.time() - greeted.token_file().stat().st_mtime)
    assert let_go(waiting) == [0] * STARTS
    assert greeted.browser_runs() == 1
    assert_nothing_is_left(greeted)

    before = time.monotonic()
    warm = tunnels(greeted, STARTS)
    _, warm_at = banners(warm)
    assert let_go(warm) == [0] * STARTS
    assert open_at - token_at < max(AFTER_THE_TOKEN, TIMES_A_WARM_START * (warm_at - before))


def test_starts_for_two_applications_share_one_login(world, kind, sshd):
    edge = Edge(world, kind, sshd.address, hosts=("vm.localhost", "b.localhost"))
    client = Client(world, edge)
    browser = HeldBrowser(client)
    starting = [child for host in edge.hosts for child in log_ins(client, FEWER_STARTS, host=host, env=browser.env)]
    for child in starting:
        child.stderr.wait_for("^https://")
    browser.release()
    assert finish(starting) == [0] * len(starting)
    assert client.browser_runs() == 1
    assert_nothing_is_left(client)


def shown(child):
    """The code and the URL of a login."""
    return child.stderr.wait_for(r"if the page shows a code, it must be (\w{4}-\w{4}):\n(https://\S+)\n").groups()


def test_those_that_wait_show_the_address_and_code_of_the_one_that_logs_in(world, kind, sshd):
    """The short link where the edge has made one. Also one that waits for another application's login of the same team, and one that waits for that one."""
    edge = Edge(world, kind, sshd.address, hosts=("vm.localhost", "b.localhost"))
    client = Client(world, edge)
    first, = log_ins(client, 1, "--no-browser")
    code, url = shown(first)
    assert edge.login_address().fullmatch(url)
    others = []
    for host in ("vm.localhost", "b.localhost", "b.localhost"):
        others += log_ins(client, 1, host=host)
        assert shown(others[-1]) == (code, url)
    assert client.browser_runs() == 0
    client.world.run([client.env["BROWSER"], url], client.env).ok()
    assert finish([first, *others]) == [0] * 4


def test_a_killed_holder_lets_the_next_go_on(client):
    dead, = log_ins(client, 1, "--no-browser")
    stale_url = dead.stderr.wait_for(r"^https://\S+$").group(0)
    lock = client.file(f"{client.edge.hosts[0]}-*-token.lock")
    assert json.loads(lock.read_text())["pid"] == dead.pid
    waiting = log_ins(client, FEWER_STARTS)
    for child in waiting:
        child.stderr.wait_for("another process")
    dead.process.send_signal(signal.SIGKILL)
    assert finish(waiting) == [0] * FEWER_STARTS
    assert client.browser_runs() == 1
    assert finish([dead]) == [-signal.SIGKILL]
    assert_nothing_is_left(client)
    assert not client.browsed(stale_url)


def test_a_login_that_is_cancelled_is_not_begun_again_by_those_who_waited(client):
    first, = log_ins(client, 1, "--no-browser")
    first.stderr.wait_for("^https://")
    waiting = log_ins(client, FEWER_STARTS)
    for child in waiting:
        child.stderr.wait_for("another process")
    first.process.send_signal(signal.SIGINT)
    assert finish([first, *waiting]) == [REFUSED] * (1 + FEWER_STARTS)
    for child in waiting:
        last = child.stderr.text.splitlines()[-1]
        assert last.startswith("cfpipe: login: interrupted before it was done: in the process that was logging in; "), last
    assert client.browser_runs() == 0
    assert_nothing_is_left(client)
    client.login()  # the next start logs in
    assert client.browser_runs() == 1
