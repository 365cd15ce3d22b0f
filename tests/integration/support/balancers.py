"""What stands in front of an edge: real programs, with the lines that docs/BALANCERS.md has for them."""

import os
import socket

import pytest

from support import limits
from support.configured_edge import ConfiguredEdge
from support.edges import AUTH_HOST, HOST
from support.page import Section

PAGE = "docs/BALANCERS.md"
PAGE_SOCKET = "/run/cfpipe-edge/http.sock"
# Where the program in front connects from.
ADDRESS = "127.0.0.9"


def held_port(world):
    """A port of 127.0.0.1 that no other program is given, and that one which asks for it can listen on."""
    held = world.closing(socket.socket())
    held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    held.bind(("127.0.0.1", 0))
    return held.getsockname()[1]


def replaced(text, *pairs):
    for old, new in pairs:
        assert old in text, (old, text)
        text = text.replace(old, new)
    return text


def wait_until_it_listens(child, port):
    """These programs say nothing when they are ready."""
    while child.process.poll() is None:
        try:
            return socket.create_connection(("127.0.0.1", port), limits.READY_DEADLINE).close()
        except ConnectionRefusedError:
            continue
    raise AssertionError(child.stderr.text)


class EdgeBehind(ConfiguredEdge):
    """Clients reach it at `port`, where nothing listens until something is put in front of it; it listens at `own_port`."""

    def __init__(self, world, origin, policies, more=None, **options):
        front = held_port(world)
        self.front_port = front
        super().__init__(world, origin, policies, more={
            "auth_domain": f"{AUTH_HOST}:{front}", "trusted_proxies": [ADDRESS], **(more or {})}, **options)
        self.own_port, self.port = self.port, front

    def connect(self, address, port=None):
        """A plain connection from there."""
        return socket.create_connection(("127.0.0.1", port or self.port), limits.COMMAND_DEADLINE, (address, 0))


class EdgeInTheClear(EdgeBehind):
    """Behind a proxy that ends TLS."""

    def __init__(self, world, origin, policies, proxy="nginx", **options):
        # Caddy connects from 127.0.0.1, whatever the client's address.
        trusted = ["127.0.0.1"] if proxy == "caddy" else [ADDRESS]
        super().__init__(world, origin, policies,
                         more={"listen": "http://127.0.0.1:0", "trusted_proxies": trusted, **options.pop("more", {})}, **options)


class EdgeAtASocket(EdgeBehind):
    """The same, behind a Unix-domain socket, with the lines of the page for that."""

    def __init__(self, world, origin, policies, more=None, **options):
        self.socket = world.path("http.sock")
        super().__init__(world, origin, policies, more={"listen": f"unix:{self.socket}", "trusted_proxies": ["unix"], **(more or {})}, **options)

    def lead_to_it(self, lines, language, by_address):
        """`lines` for an address, with the one line that is another for a socket."""
        line = Section(PAGE, "A Unix-domain socket").only(language)
        return replaced(lines, (by_address, replaced(line.strip(), (PAGE_SOCKET, str(self.socket)))))


def put_haproxy_in_front(edge, send="send-proxy-v2", title="TCP", too=()):
    """`too`: other addresses that it listens at."""
    config = edge.world.path("haproxy.cfg")
    binds = ",".join(f"{address}:{edge.front_port}" for address in ("127.0.0.1", *too))
    config.write_text("global\n  maxconn 100\n" + replaced(
        Section(PAGE, title).only("haproxy"), ("bind :443", f"bind {binds}"),
        ("10.0.0.2:443", f"127.0.0.1:{edge.own_port} source {ADDRESS}"), ("send-proxy-v2", send)))
    child = edge.world.start(["/usr/sbin/haproxy", "-db", "-f", config])
    wait_until_it_listens(child, edge.front_port)
    return child


def nginx(edge):
    lines = replaced(
        Section(PAGE, "HTTP").only("nginx"), ("listen 443 ssl", f"listen 127.0.0.1:{edge.front_port} ssl"),
        ("auth.example.com vm.example.com", f"{AUTH_HOST} {HOST}"),
        ("/etc/cfpipe/fullchain.pem", str(edge.state / "tls-cert.pem")),
        ("/etc/cfpipe/privkey.pem", str(edge.state / "tls-key.pem")))
    by_address = "proxy_pass http://127.0.0.1:8080;"
    if isinstance(edge, EdgeAtASocket):
        lines = edge.lead_to_it(lines, "nginx", by_address)
    else:
        lines = replaced(lines, (by_address, f"proxy_bind {ADDRESS}; proxy_pass http://127.0.0.1:{edge.own_port};"))
    directory = edge.world.path("nginx")
    directory.mkdir()
    paths = "".join(f"{kind}_temp_path {directory}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    config = directory / "nginx.conf"
    config.write_text(f"""daemon off;
master_process off;
worker_processes 1;
pid {directory}/pid;
error_log stderr;
events {{}}
http {{
{paths}access_log off;
{lines}}}
""")
    return ["/usr/sbin/nginx", "-e", "stderr", "-p", directory, "-c", config]


def caddy(edge):
    """It connects from the address that it is asked for by, so that has to be trusted."""
    names = f"https://{AUTH_HOST}:{edge.front_port}, https://{HOST}:{edge.front_port}"
    config = edge.world.path("Caddyfile")
    lines = replaced(
        Section(PAGE, "HTTP").only("caddy"),
        ("auth.example.com, vm.example.com {",
         f"{names} {{\n  bind 127.0.0.1\n  tls {edge.state}/tls-cert.pem {edge.state}/tls-key.pem"))
    if isinstance(edge, EdgeAtASocket):
        lines = edge.lead_to_it(lines, "caddy", "reverse_proxy 127.0.0.1:8080 {")
    else:
        lines = replaced(lines, ("127.0.0.1:8080", f"127.0.0.1:{edge.own_port}"))
    config.write_text("{\n  admin off\n  auto_https off\n}\n" + lines)
    return ["/usr/bin/caddy", "run", "--adapter", "caddyfile", "--config", config]


def haproxy(edge):
    both = edge.world.path("haproxy.pem")
    both.touch(mode=0o600)
    both.write_text((edge.state / "tls-cert.pem").read_text() + (edge.state / "tls-key.pem").read_text())
    config = edge.world.path("haproxy.cfg")
    lines = replaced(
        Section(PAGE, "HTTP").only("haproxy"), ("bind :443", f"bind 127.0.0.1:{edge.front_port}"),
        ("/etc/haproxy/cfpipe.pem", str(both)))
    if isinstance(edge, EdgeAtASocket):
        lines = edge.lead_to_it(lines, "haproxy", "server edge 127.0.0.1:8080")
    else:
        lines = replaced(lines, ("127.0.0.1:8080", f"127.0.0.1:{edge.own_port} source {ADDRESS}"))
    config.write_text("global\n  maxconn 100\n" + lines)
    return ["/usr/sbin/haproxy", "-db", "-f", config]


def haproxy_http2(edge):
    """It speaks HTTP/2 to the edge, too."""
    argv = haproxy(edge)
    config, words = argv[-1], Section(PAGE, "HTTP/2 to the edge").only("haproxy").split()
    assert words[:3] == ["server", "edge", "127.0.0.1:8080"], words
    lines = config.read_text().splitlines()
    assert lines[-1].lstrip().startswith("server edge "), lines
    config.write_text("\n".join([*lines[:-1], " ".join([lines[-1], *words[3:]])]) + "\n")
    return argv


# Programs that end TLS, each run with its lines.
PROXIES = {"nginx": nginx, "caddy": caddy, "haproxy": haproxy, "haproxy-http2": haproxy_http2}


def put_in_front(edge, proxy):
    argv = PROXIES[proxy](edge)
    if not os.access(argv[0], os.X_OK):
        pytest.skip(f"there is no {argv[0]}: run scripts/deps")
    child = edge.world.start(argv)
    wait_until_it_listens(child, edge.front_port)
    return child


def get(edge, connection, tls=None, more=""):
    """The status of a request for the application's page."""
    if tls:
        connection = tls.wrap_socket(connection, server_hostname=HOST)
    with connection:
        connection.sendall(f"GET / HTTP/1.1\r\nHost: {edge.host()}\r\nConnection: close\r\n{more}\r\n".encode())
        return int(connection.recv(64).split()[1])
