"""The public client, where there is one: on PATH, or where CFPIPE_CLOUDFLARED says. It is built nowhere here.

It signs in under an auth domain of Cloudflare's alone, and fetches its tokens from Cloudflare's store, both at port 443. An edge of
ours has these names here, and a proxy of the test's is what leads to it from them: nothing leaves this machine.
"""

import os
import re
import shutil
import socket
import threading

import pytest

from support import limits, world as worlds
from support.configured_edge import ConfiguredEdge
from support.origin import Origin

PROGRAM = os.environ.get("CFPIPE_CLOUDFLARED") or shutil.which("cloudflared")
REASON = "no cloudflared here: put it on PATH, or name it in CFPIPE_CLOUDFLARED"

HOST, OTHER_HOST = "vm.example.com", "db.example.com"
AUTH_HOST = "team.cloudflareaccess.com"
STORE = "login.cloudflareaccess.org"
POLICIES = [
    {"name": "people", "decision": "allow", "include": [{"email": worlds.EMAIL}]},
    {"name": "ci", "decision": "service_auth", "include": [{"service_token": "deploy"}]},
]
ADDRESS, PORT = "127.0.0.4", 443
BLOCK = 1 << 18  # bytes


def needs_its_port():
    """Auth domains of Cloudflare's have no other port: to either program."""
    try:
        socket.create_server((ADDRESS, PORT)).close()
    except OSError as error:
        pytest.skip(f"an edge cannot listen on {ADDRESS}:{PORT} here: {error.strerror}")


class PublicEdge(ConfiguredEdge):
    """Our edge under such names, for two applications with one origin."""

    auth_host = AUTH_HOST

    def __init__(self, world, origin, **more_app):
        needs_its_port()
        super().__init__(world, origin, POLICIES, hosts=(HOST, OTHER_HOST), names=(AUTH_HOST, STORE),
                         certificates={"principals": ["email_prefix", *worlds.NAMED],
                                       "service_principals": {"deploy": [worlds.USER]}},
                         more={"listen": f"{ADDRESS}:{PORT}", "auth_domain": AUTH_HOST, "transfer_hosts": [STORE]},
                         more_app=more_app)

    @property
    def auth_domain(self):
        return self.auth_host

    def host(self, name=None):
        return name or self.hosts[0]


def _pump(source, sink):
    try:
        while data := source.recv(BLOCK):
            sink.sendall(data)
        sink.shutdown(socket.SHUT_WR)
    except OSError:
        for end in (source, sink):  # the other direction is over then, too
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass


class NamesProxy:
    """An HTTP proxy (CONNECT) for which everything is the edge."""

    def __init__(self, world):
        def serve(connection, events):
            head = b""
            while b"\r\n\r\n" not in head:
                data = connection.recv(4096)
                if not data:
                    return
                head += data
            assert re.match(rb"CONNECT [^ :]+:443 ", head), head
            with socket.create_connection((ADDRESS, PORT)) as far:
                connection.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
                up = threading.Thread(target=_pump, args=(connection, far), daemon=True)
                up.start()
                _pump(far, connection)
                up.join()

        self._origin = world.closing(Origin(serve))
        self.url = f"http://{self._origin.address}"


class Cloudflared:
    """With a home of its own, and a browser that signs in the user it is asked for."""

    def __init__(self, world, edge):
        self.world, self.edge = world, edge
        self.home = world.path("cloudflared-home")
        self.home.mkdir(mode=0o700)
        hosts = world.path("hosts-of-the-browser")
        hosts.write_text("".join(f"{ADDRESS} {name}\n" for name in (HOST, OTHER_HOST, AUTH_HOST)))
        self._browsed = world.path("cloudflared-browser-runs")
        world.script("xdg-open", f'''echo "$1" >> {self._browsed}
LD_PRELOAD=libnss_wrapper.so NSS_WRAPPER_HOSTS={hosts} {limits.ROOT}/scripts/scripted-browser "$1" 2>> {world.path("cloudflared-browser.log")}''')
        self.env = {**world.env, "HOME": str(self.home), "SSL_CERT_FILE": str(edge.ca_file), "HTTPS_PROXY": NamesProxy(world).url}

    def run(self, *args, **options):
        return self.world.run([PROGRAM, "access", *args], self.env, **options)

    def start(self, *args, **options):
        return self.world.start([PROGRAM, "access", *args], self.env, **options)

    def login(self, host=None):
        return self.run("login", self.edge.url(host)).ok()

    def browser_runs(self):
        return self._browsed.read_text().count("\n") if self._browsed.exists() else 0

    def files(self):
        return self.home / ".cloudflared"
