"""A tunnel that stands, and an edge that serves: no privileges to gain, no program to start; children get no secrets."""

import pathlib
import re

import pytest

from support.clients import Client
from support.edges import Edge
from support.process import wait_until

SECRETS = {"TUNNEL_TOKEN": "planted-token"}


def status(pid):
    return dict(re.findall(r"^(\w+):\s*(.*)$", pathlib.Path(f"/proc/{pid}/status").read_text(), re.MULTILINE))


def is_confined(pid):
    of_process = status(pid)
    return of_process["NoNewPrivs"] == "1" and of_process["Seccomp"] == "2"


@pytest.mark.parametrize("with_agent", [False, True])
def test_a_tunnel_that_stands_is_confined_and_keeps_its_state(user, with_agent):
    agent = ["--agent", user.world.path("agent")] if with_agent else []
    user.forget_sessions()
    log = user.world.path("log")
    child = user.start("access", "ssh", "--hostname", user.edge.host(), *agent, "--log-level", "debug", "--log-file", log)
    assert child.process.stdout.readline().startswith(b"SSH-2.0-")
    wait_until(lambda: is_confined(child.pid), "the client is confined")
    wait_until(lambda: "sandbox: no_new_privs" in log.read_text(), "the log says so")
    child.process.stdin.close()
    assert child.wait() == 0, child.stderr.text
    child.process.stdout.close()
    assert not user.world.path("agent").exists()
    if user.edge.kind == "own":
        assert list(user.home.glob("*.tls-ticket"))


@pytest.mark.parametrize("kind", ["own"], indirect=True)
def test_an_edge_is_confined_in_all_its_threads(edge):
    threads = [path.name for path in pathlib.Path(f"/proc/{edge.child.pid}/task").iterdir()]
    assert len(threads) > 2
    assert all(is_confined(thread) for thread in threads)


@pytest.mark.parametrize("kind", ["own"], indirect=True)
def test_programs_that_the_client_starts_get_no_secrets(world, edge):
    client = Client(world, edge)
    seen = world.path("environment")
    client.env["BROWSER"] = str(world.script("spy", f'tr "\\0" "\\n" < /proc/self/environ > {seen}.new; mv {seen}.new {seen}'))
    world.script("curl", f'env > {seen}.curl')
    child = client.start("access", "login", edge.url(), env=SECRETS)
    wait_until(seen.exists, "the browser was started")
    own = pathlib.Path(f"/proc/{child.pid}/environ")
    text = own.read_text(errors="replace")
    child.stop()
    child.process.stdin.close()
    child.process.stdout.close()
    assert "PATH=" in seen.read_text() and "planted" not in seen.read_text()
    assert "planted" not in text
    client.run("access", "curl", "--allow-request", edge.url(), **SECRETS).ok()
    curl = world.path("environment.curl").read_text()
    assert "PATH=" in curl and "planted" not in curl
