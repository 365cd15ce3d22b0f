"""The ways from a client to bench_origin that are compared: our own, the limits above it, and the peers on PATH."""

import dataclasses
import socket

from suite.context import Client, Edge


@dataclasses.dataclass
class Path:
    name: str
    target: object  # what Context.load() takes: a command, or tcp:ADDR
    through: str  # what the bytes pass, for the reader of the table
    env: dict = None
    servers: tuple = ()  # processes of the far side, whose processor time is measured too


class _At:
    """An edge as it is seen through a relay: the same, at another port."""

    def __init__(self, edge, port):
        self._edge, self.port = edge, port

    def __getattr__(self, name):
        return getattr(self._edge, name)

    host, url = Edge.host, Edge.url


class Paths:
    """All paths that this machine has, with `delay_ms` each way between client and server (0: nothing between)."""

    def __init__(self, context, delay_ms=0):
        self.context, self.delay_ms = context, delay_ms
        self._certificates = None

    def _via(self, address):
        """The address to use for a server: its own, or a relay's."""
        if not self.delay_ms:
            return address
        relay = self.context.slow(address, self.delay_ms)
        return relay.address if relay else None

    def all(self, *names):
        """The paths of these names (all by default) that can be had here, in this order."""
        makers = {"direct TCP": self.direct, "plain TLS pipe": self.plain, "batching TLS pipe": self.batch,
                  "asio::ssl client": self.asio, "asio::ssl pipe": self.asio_pipe, "cfpipe": self.cfpipe, "socat": self.socat, "websocat": self.websocat,
                  "wstunnel": self.wstunnel, "cloudflared": self.cloudflared}
        made = [makers[name]() for name in names or makers]
        return {path.name: path for path in made if path}

    def direct(self):
        return Path("direct TCP", f"tcp:{self._via(self.context.origin.address)}", "no TLS, no client program")

    def plain(self):
        return self._tls_pipe("plain", "plain TLS pipe", "SSL_read and SSL_write on the socket, no WebSocket")

    def batch(self):
        return self._tls_pipe("batch", "batching TLS pipe", "256 to 512 KiB of records per system call, no WebSocket")

    def _tls_files(self):
        edge, _ = self.context.access()
        return edge.state / "tls-ca.pem", edge.state / "tls-cert.pem", edge.state / "tls-key.pem"

    def crippled(self, block):
        """The plain TLS pipe in blocks of so few bytes, at both ends: what no comparison may take for a good pump."""
        return self._tls_pipe("plain", "crippled TLS pipe", f"blocks of {block} bytes", "--block", str(block))

    def _tls_pipe(self, engine, name, through, *more):
        ca, certificate, key = self._tls_files()
        program = self.context.program("tls_pipe")
        server = self.context.start([program, "server", "--to", self.context.origin.address, "--cert", certificate,
                                     "--key", key, "--engine", engine, *more])
        command = [program, "client", "--to", self._via(server.address), "--ca-file", ca, "--name", "vm.localhost",
                   "--engine", engine, *more]
        return Path(name, command, through, servers=(server,))

    def _edge(self):
        """Our edge and a client that is logged in, both as seen through the relay."""
        edge, client = self.context.access()
        if not self.delay_ms:
            return edge, client
        address = self._via(f"127.0.0.1:{edge.port}")
        seen = _At(edge, int(address.rsplit(":", 1)[1]))
        client = Client(self.context.world, seen, f"state-{seen.port}")
        client.login()
        return seen, client

    def _asio_client(self, port, host, client):
        edge, _ = self.context.access()
        token = self.context.world.path(f"token-{port}")
        token.write_text(client.token() + "\n")
        return [self.context.program("asio_pipe"), "client", "--to", f"127.0.0.1:{port}", "--ca-file", edge.ca_file,
                "--name", host, "--token-file", token]

    def asio(self):
        """asio::ssl::stream at one end only."""
        edge, client = self._edge()
        return Path("asio::ssl client", self._asio_client(edge.port, edge.host(), client), "the same frames to our edge",
                    servers=(edge.child,))

    def asio_pipe(self):
        """asio::ssl::stream at both ends."""
        edge, client = self.context.access()
        _, certificate, key = self._tls_files()
        server = self.context.start([self.context.program("asio_pipe"), "server", "--to", self.context.origin.address,
                                     "--cert", certificate, "--key", key])
        port = self._via(server.address).rsplit(":", 1)[1]
        return Path("asio::ssl pipe", self._asio_client(port, f"vm.localhost:{port}", client),
                    "the same frames, asio::ssl::stream at both ends", servers=(server,))

    def cfpipe(self, name="cfpipe", *more):
        edge, client = self._edge()
        command = ["cfpipe", "access", "ssh", "--hostname", edge.host(), *more]
        return Path(name, command, "our edge", env=client.env, servers=(edge.child,))

    def cfpipe_h2(self):
        """The same tunnel as a stream of HTTP/2. Not among all(): a single tunnel takes it only when told to."""
        return self.cfpipe("cfpipe, h2", "--transport", "h2")

    def socat(self):
        program = self.context.found("socat")
        if not program:
            return None
        ca, certificate, key = self._tls_files()
        server = self.context.start([self.context.program("tls_pipe"), "server", "--to", self.context.origin.address,
                                     "--cert", certificate, "--key", key, "--engine", "batch"])
        address = self._via(server.address)
        peer = f"OPENSSL:{address},cafile={ca},commonname=vm.localhost,openssl-min-proto-version=TLS1.3,nodelay"
        return Path("socat", [program, "-b", "65536", "-", peer], "TLS 1.3 to the batching TLS pipe's server, 64 KiB blocks",
                    servers=(server,))

    def websocat(self):
        program = self._peer_of_the_edge("websocat")
        if not program:
            return None
        edge, client = self._edge()
        command = [program, "-b", "-B", "65536", f"-H=Cf-Access-Token: {client.token()}", f"wss://{edge.host()}/"]
        return Path("websocat", command, "our edge", env=client.env, servers=(edge.child,))

    def wstunnel(self):
        """It speaks a protocol of its own over WebSocket, so its own server stands in for the edge."""
        program = self.context.found("wstunnel")
        if not program:
            return None
        port = _free_port()
        server = self.context.world.start([program, "server", f"wss://127.0.0.1:{port}"])
        server.stderr.wait_for("Starting wstunnel server")
        command = [program, "client", "--log-lvl", "OFF", "-L", f"stdio://{self.context.origin.address}",
                   f"wss://{self._via(f'127.0.0.1:{port}')}"]
        return Path("wstunnel", command, "its own server", servers=(server,))

    def cloudflared(self):
        program = self._peer_of_the_edge("cloudflared")
        if not program:
            return None
        edge, client = self._edge()
        home = self.context.world.path(f"cloudflared-{edge.port}")
        home.mkdir()
        # It believes auth domains of Cloudflare's alone, so it is handed the token, and dials once.
        command = [program, "access", "ssh", "--hostname", f"https://{edge.host()}", "--header",
                   f"Cf-Access-Token: {client.token()}"]
        return Path("cloudflared", command, "our edge; given the token as a header", env={**client.env, "HOME": str(home)},
                    servers=(edge.child,))

    def _peer_of_the_edge(self, name):
        """The program, if it can reach our edge: unlike ours, others ask the system for names under .localhost."""
        program = self.context.found(name)
        if program and not _resolves("vm.localhost"):
            self.context.say(f"{name} is left out: vm.localhost does not resolve here (/etc/hosts: 127.0.0.1 vm.localhost)")
            return None
        return program


def _resolves(name):
    try:
        return bool(socket.getaddrinfo(name, None))
    except OSError:
        return False


def _free_port():
    """For a program that cannot be given port 0. Another program may take it first; then that program fails to start."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
