"""Real proxies on loopback, and scripted ones that misbehave. Names that only they can look up lead to an edge through them alone."""

import random
import re
import selectors
import socket
import ssl

from support import edges, limits
from support.clients import Client
from support.edges import Edge
from support.origin import Origin

# Both programs answer names below .invalid by themselves (RFC 6761 6.4), so no name server or hosts file of this machine has a say:
# a peer that is reached by one of these names is reached through a proxy.
HOST = "vm.behind-proxy.invalid"
AUTH_HOST = "auth.behind-proxy.invalid"
USER = "ann"
TRIES = 10


def loopback_place():
    """An address and a port there that no other program is likely to take before the proxy does."""
    address = "127." + ".".join(str(random.randrange(1, 255)) for _ in range(3))
    with socket.socket() as taken:
        taken.bind((address, 0))
        return address, taken.getsockname()[1]


def knows_the_names(world):
    """What a program has in its environment to look these names up."""
    hosts = world.path("hosts-behind-proxy")
    hosts.write_text("".join(f"127.0.0.1 {name}\n" for name in (HOST, AUTH_HOST, edges.HOST, edges.AUTH_HOST)))
    return {"LD_PRELOAD": "libnss_wrapper.so", "NSS_WRAPPER_HOSTS": str(hosts)}


class Proxy:
    """A program that listens where it is told. Looks names up in a file of its own."""

    scheme = None
    # A password that has to be written in percents in a URL.
    password, password_in_url = "s3cr:t/p@ss", "s3cr%3At%2Fp%40ss"

    def __init__(self, world, login=True, **options):
        env = {**world.env, **knows_the_names(world)}
        for left in reversed(range(TRIES)):
            self.address, self.port = loopback_place()
            self.child = world.start(self._argv(world, login, **options), env)
            if self._listens():
                break
            assert left, self.child.stderr.text
        self.url = f"{self.scheme}://{self.address}:{self.port}"
        self.url_with_login = f"{self.scheme}://{USER}:{self.password_in_url}@{self.address}:{self.port}"

    def asked(self, at_least=0):
        """host:port of every connection it was asked for and has let through, once there are as many. What it has
        logged arrives here a little later than what it has done."""
        self._log().wait_for(f"(?s)(?:{self.asked_line}.*?){{{at_least}}}")
        return re.findall(self.asked_line, self._log().text)

    def was_asked_for(self, place):
        """Waits until it was."""
        self._log().wait_for(self.asked_line.replace(r"(\S+)", re.escape(place) + r"\b"))
        return True

    def _listens(self):
        """It says nothing when it is ready; the connection that is taken first is."""
        while self.child.process.poll() is None:
            try:
                socket.create_connection((self.address, self.port), limits.READY_DEADLINE).close()
                return True
            except ConnectionRefusedError:
                continue
        return False


class Tinyproxy(Proxy):
    """HTTP CONNECT, with Basic authentication."""

    scheme = "http"
    password, password_in_url = "s3cr-t.pass", "s3cr%2Dt%2Epass"  # it takes no other characters

    def _argv(self, world, login, only_port=None):
        config = world.path(f"tinyproxy-{self.port}.conf")
        lines = [f"Port {self.port}", f"Listen {self.address}", "Timeout 600", "MaxClients 50", "LogLevel Connect",
                 "DisableViaHeader Yes"]
        lines += [f'BasicAuth {USER} {self.password}'] if login else []
        lines += [f"ConnectPort {only_port}"] if only_port else []
        config.write_text("\n".join(lines) + "\n")
        return ["/usr/bin/tinyproxy", "-d", "-c", config]

    asked_line = r"Request \(file descriptor \d+\): CONNECT (\S+) HTTP"

    def _log(self):
        return self.child.stdout


class Microsocks(Proxy):
    """SOCKS 5, with user name and password."""

    scheme = "socks5h"

    def _argv(self, world, login):
        return ["/usr/bin/microsocks", "-i", self.address, "-p", self.port] + (["-u", USER, "-P", self.password] if login else [])

    asked_line = r"connected to (\S+)"

    def _log(self):
        return self.child.stderr


PROXIES = {"http": Tinyproxy, "socks": Microsocks}


class TlsFront:
    """TLS in front of what is spoken in the clear at `to`: makes an https proxy of an http one."""

    def __init__(self, world, to, cert, key):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)

        def serve(connection, events):
            with context.wrap_socket(connection, server_side=True) as inside:
                with socket.create_connection(to) as outside:
                    pump_both(inside, outside)

        self.origin = world.closing(Origin(serve))
        self.port = int(self.origin.address.rsplit(":", 1)[1])


def pump_both(inside, outside):
    """Between a TLS connection and a plain one until either has ended, in one thread: OpenSSL's connections want no
    more. Blocks where a peer does not read, so it is not for bulk."""
    with selectors.DefaultSelector() as selector:
        for end in (inside, outside):
            selector.register(end, selectors.EVENT_READ)
        while True:
            ready = [inside] if inside.pending() else [key.fileobj for key, _ in selector.select()]
            for source in ready:
                source.setblocking(False)
                try:
                    data = source.recv(65536)
                except (ssl.SSLWantReadError, BlockingIOError):
                    continue  # a record that is none of the application's, as a ticket
                finally:
                    source.setblocking(True)
                if not data:
                    return
                (outside if source is inside else inside).sendall(data)


def far_client(world, kind, sshd, proxy=None, login=True, **env):
    """A client of an edge whose names it cannot look up (its browser can); it has logged in through the proxy of its environment."""
    edge = Edge(world, kind, sshd.address, hosts=(HOST,), auth_host=AUTH_HOST)
    sshd.trust(edge.ssh_ca())
    client = Client(world, edge, browser_env=knows_the_names(world))
    client.env.update(env)
    if proxy:
        client.env["HTTPS_PROXY"] = proxy.url_with_login
    if login:
        client.login()
    return client
