"""However many processes need the same token at once, one logs in; and none waits for one that is dead."""

import json
import signal

STARTS = 50
FEWER_STARTS = 8


def log_ins(client, count, *more):
    return [client.start("access", "login", "--quiet", *more, client.edge.url()) for _ in range(count)]


def finish(children):
    for child in children:
        child.process.stdin.close()
        assert child.process.stdout.read() == b""
        child.process.stdout.close()
    return [child.wait() for child in children]


def test_fifty_starts_open_one_browser(client):
    assert finish(log_ins(client, STARTS)) == [0] * STARTS
    assert client.browser_runs() == 1
    assert not list(client.home.glob("*.lock")) and not list(client.home.glob("*.url"))


def test_those_that_wait_show_the_url_of_the_one_that_logs_in(client):
    first, = log_ins(client, 1, "--no-browser")
    url = first.stderr.wait_for(r"^https://\S+$").group(0)
    second, = log_ins(client, 1)
    assert second.stderr.wait_for(r"^https://\S+$").group(0) == url
    assert client.browser_runs() == 0
    client.world.run([client.env["BROWSER"], url], client.env).ok()
    assert finish([first, second]) == [0, 0]


def test_a_killed_holder_lets_the_next_go_on(client):
    dead, = log_ins(client, 1, "--no-browser")
    dead.stderr.wait_for(r"^https://\S+$")
    lock = client.file(f"{client.edge.hosts[0]}-*-token.lock")
    assert json.loads(lock.read_text())["pid"] == dead.pid
    waiting = log_ins(client, FEWER_STARTS)
    for child in waiting:
        child.stderr.wait_for("another process")
    dead.process.send_signal(signal.SIGKILL)
    assert finish(waiting) == [0] * FEWER_STARTS
    assert client.browser_runs() == 1
    assert finish([dead]) == [-signal.SIGKILL]
