"""`ssh -L`, `-R`, `-D`, `-W`, `-N` and `-f` through cfpipe: connections inside of the one that it carries."""

import os
import re
import signal

import pytest

from support import limits, stream
from support.pairs import EDGE_AND_STYLE
from support.process import descendant, wait_until, wait_until_gone
from support.sessions import curl, on_a_free_port, opened
from support.web import Web

pytestmark = EDGE_AND_STYLE

PAGE_BYTES = 3 * limits.MIB + 1
AT_ONCE = 8  # connections


@pytest.fixture
def web(world):
    return Web(world, b"".join(stream.blocks(PAGE_BYTES)))


def test_local_port_leads_to_the_servers_network(ssh, web):
    session, port = on_a_free_port(ssh, lambda port: ("-L", f"127.0.0.1:{port}:{web.address}"))
    assert curl(ssh, f"http://127.0.0.1:{port}/asked").ok().output == web.body
    assert web.paths == ["/asked"]
    assert session.answers()
    assert session.end() == 0


def test_remote_port_leads_back_here(ssh, web):
    session = opened(ssh, "-R", f"0:{web.address}")
    port = session.stderr.wait_for(r"^Allocated port (\d+) for remote forward").group(1)
    # As a program on the server sees it.
    assert ssh.run(f"curl --silent http://127.0.0.1:{port}/back").ok().output == web.body
    assert web.paths == ["/back"]
    assert session.end() == 0


def test_socks_leads_anywhere_from_there(ssh, web):
    session, port = on_a_free_port(ssh, lambda port: ("-D", f"127.0.0.1:{port}"))
    names = [f"/{number}" for number in range(AT_ONCE)]
    # The server resolves the name: this machine's curl only passes it on.
    done = curl(ssh, "--socks5-hostname", f"127.0.0.1:{port}", "--parallel", "--parallel-max", str(AT_ONCE),
                *(f"http://localhost:{web.port}{name}" for name in names)).ok()
    assert len(done.output) == AT_ONCE * PAGE_BYTES
    assert sorted(web.paths) == sorted(names)
    assert session.end() == 0


def test_standard_input_and_output_lead_to_a_port_there(ssh, web):
    argv = ["/usr/bin/ssh", "-F", ssh.config, "-W", web.address, ssh.host]
    request = b"GET /through HTTP/1.0\r\n\r\n"
    done = ssh.world.run(argv, ssh.client.env, request).ok()
    assert done.output.endswith(b"\r\n\r\n" + web.body)
    assert web.paths == ["/through"]


def test_forwarding_alone_lasts_until_it_is_told_to_end(ssh, web):
    socket = ssh.world.path("forwarded")
    argv = ["/usr/bin/ssh", "-F", ssh.config, "-N", "-L", f"{socket}:{web.address}", ssh.host]
    child = ssh.world.start(argv, ssh.client.env)
    wait_until(socket.is_socket, "ssh -N forwards")
    assert curl(ssh, "--unix-socket", socket, "http://there/alone").ok().output == web.body
    assert child.stop(signal.SIGTERM) in (0, 255), child.stderr.text  # as its release has it
    assert not [p for p in ssh.client.home.iterdir() if p.is_socket()]


def test_ssh_goes_to_the_background_when_it_forwards(ssh, web):
    socket = ssh.world.path("forwarded")
    # What stays in the background has standard error, cfpipe too: it must not be a pipe that a program reads to its end.
    said = ssh.world.path("said")
    done = ssh.tool("sh", "-c", f"exec ssh -f -N -o ExitOnForwardFailure=yes -L {socket}:{web.address} {ssh.host} 2> {said}")
    done.ok()
    assert curl(ssh, "--unix-socket", socket, "http://there/behind").ok().output == web.body
    background = descendant("/usr/bin/ssh", "-f")
    os.kill(background, signal.SIGTERM)
    assert wait_until_gone(background, limits.GOODBYE_DEADLINE)
    assert re.fullmatch(r"(Warning: Permanently added .*\r?\n)?", said.read_text())

