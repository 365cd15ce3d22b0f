"""The hot paths, run under callgrind. Each scenario gives the instructions of one unit of its work.

What an instruction count depends on besides our code is pinned: the environment is empty but for what is set here, valgrind
shows every program the same processor, and the C library and OpenSSL are kept from the few of its features that valgrind
passes through from the real one, and from copying by `rep movsb`, which it counts by the byte.
"""

import http.client
import pathlib
import re
import socket
import ssl
import statistics
import subprocess
import tempfile

from support import limits, origin
from support.clients import CFPIPE, Client
from support.edges import Edge, PROGRAMS
from support.world import World

COUNTED = limits.BUILD / "bench/counted"
# The function in bench/counted.cc outside of which nothing is collected.
COUNTED_FUNCTION = "cfpipe_counted"

# RDRAND is bit 62 of OpenSSL's first capability word, RDSEED bit 18 of its second (OPENSSL_ia32cap(3)).
PINNED = {
    "LC_ALL": "C",
    "OPENSSL_ia32cap": "~0x4000000000000000:~0x40000",
    "GLIBC_TUNABLES": "glibc.cpu.hwcaps=-ERMS,-FSRM",
}

# Runs of a whole program, of which the median counts: its handshakes and signatures take numbers at random.
CONNECTS = 3
# What the edge is asked, beyond what it is asked in the run that is subtracted.
EDGE_REQUESTS = 400
EDGE_TUNNELS = 8

RUN_DEADLINE = 300  # seconds


class Callgrind:
    """One run of one program. `argv` is what to put in front of it."""

    def __init__(self, directory, *options):
        self._out = pathlib.Path(directory) / "callgrind.out"
        self.argv = ["valgrind", "--tool=callgrind", "--quiet", f"--callgrind-out-file={self._out}", *options]

    def instructions(self):
        text = self._out.read_text()
        self._out.unlink()
        found = re.findall(r"^(?:totals|summary): (\d+)", text, re.MULTILINE)
        assert found, "callgrind has counted nothing"
        return int(found[-1])


def of_counted(name, units):
    """A scenario of bench/counted."""
    def run(directory):
        callgrind = Callgrind(directory, "--collect-atstart=no", f"--toggle-collect={COUNTED_FUNCTION}")
        env = {**PINNED, "TMPDIR": str(directory)}
        subprocess.run([*callgrind.argv, COUNTED, name, str(units)], env=env, check=True, timeout=RUN_DEADLINE)
        return {name: callgrind.instructions() / units}
    return run


def version(directory):
    callgrind = Callgrind(directory)
    subprocess.run([*callgrind.argv, CFPIPE, "--version"], env=PINNED, check=True, timeout=RUN_DEADLINE,
                   stdout=subprocess.DEVNULL)
    return {"start-version": callgrind.instructions()}


def banner(connection, events):
    """An origin that says one line and waits for the other side to end."""
    connection.sendall(b"SSH-2.0-counted\r\n")
    while connection.recv(65536):
        pass


class Bed:
    """An edge with keys, and a client that has logged in to it."""

    def __init__(self):
        self.world = World()
        self.world.env.update(PINNED)
        try:
            self._origin = self.world.closing(origin.Origin(banner))
            self.edge = Edge(self.world, "own", self._origin.address)
            self.client = Client(self.world, self.edge)
            self.client.login()
            self.client.banner()
        except BaseException:
            self.close()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        wrong = self.world.close()
        self.world.remove()
        assert not wrong, "\n".join(wrong)

    def count_connect(self, resumed):
        """`cfpipe access ssh` from exec to exit, with a TLS session of the run before or with a handshake of its own."""
        tickets = list(self.client.home.glob("*.tls-ticket"))
        assert tickets, "no TLS session was kept"
        for ticket in tickets if not resumed else []:
            ticket.unlink()
        callgrind = Callgrind(self.world.directory)
        argv = [*callgrind.argv, CFPIPE, "access", "ssh", "--hostname", self.edge.host()]
        child = self.world.start(argv, self.client.env, stdin=subprocess.PIPE, collect=False)
        with child.process.stdout as output:
            line = output.readline()
            child.process.stdin.close()
            status = child.wait()
        assert status == 0 and line.startswith(b"SSH-2.0-"), (line, status, child.stderr.text)
        return callgrind.instructions()

    def count_edge(self, requests, tunnels):
        """The edge from exec to exit, started anew where it was."""
        self.edge.close()
        callgrind = Callgrind(self.world.directory)
        argv = [*callgrind.argv, PROGRAMS["own"], "dev", "--auth-domain", self.edge.auth_domain.split(":")[0]]
        argv += ["--hostname", self.edge.hosts[0], "--listen", f"127.0.0.1:{self.edge.port}", "--email", self.edge.email]
        argv += ["--origin", self._origin.address, "--state", self.edge.state]
        child = self.world.start(argv)
        child.ready_port()
        self._ask(requests)
        for _ in range(tunnels):
            self.client.banner()
        assert child.stop() == 0, child.stderr.text
        return callgrind.instructions()

    def _ask(self, requests):
        """That many requests without a token on one connection."""
        name = self.edge.hosts[0]
        plain = socket.create_connection(("127.0.0.1", self.edge.port), limits.COMMAND_DEADLINE)
        connection = http.client.HTTPSConnection(name, self.edge.port)
        connection.sock = ssl.create_default_context(cafile=self.edge.ca_file).wrap_socket(plain, server_hostname=name)
        for _ in range(requests):
            connection.request("HEAD", "/")
            answer = connection.getresponse()
            answer.read()
            assert answer.status == 302, answer.status
        connection.close()


def connect(directory):
    with Bed() as bed:
        return {name: statistics.median(bed.count_connect(resumed) for _ in range(CONNECTS))
                for name, resumed in (("client-connect", False), ("client-resume", True))}


def edge(directory):
    with Bed() as bed:
        least = bed.count_edge(1, 1)
        asked = bed.count_edge(1 + EDGE_REQUESTS, 1)
        opened = bed.count_edge(1, 1 + EDGE_TUNNELS)
    return {"edge-request": (asked - least) / EDGE_REQUESTS, "edge-tunnel": (opened - least) / EDGE_TUNNELS}


# Name: what one unit is, and who counts it.
SCENARIOS = {
    "client-up": ("MiB from standard input to the edge", of_counted("client-up", 8)),
    "client-down": ("MiB from the edge to standard output", of_counted("client-down", 8)),
    "edge-up": ("MiB from the client to the origin", of_counted("edge-up", 8)),
    "edge-down": ("MiB from the origin to the client", of_counted("edge-down", 8)),
    "floor-seal": ("MiB through AES-128-GCM in records of 16 KiB", of_counted("floor-seal", 4)),
    "floor-open": ("MiB back through it", of_counted("floor-open", 4)),
    "client-keystroke": ("byte to the edge and one back, at the client", of_counted("client-keystroke", 200)),
    "edge-keystroke": ("byte to the origin and one back, at the edge", of_counted("edge-keystroke", 200)),
    "frame-header": ("WebSocket frame header written", of_counted("frame-header", 3000)),
    "frame-decode": ("masked frame of 1 KiB read", of_counted("frame-decode", 2560)),
    "frame-mask": ("MiB masked", of_counted("frame-mask", 4)),
    "start-version": ("cfpipe --version, exec to exit", version),
    "client-connect": ("cfpipe access ssh with a cached token, exec to exit", connect),
    "client-resume": ("the same with a cached TLS session", connect),
    "edge-request": ("request without a token on a standing connection", edge),
    "edge-tunnel": ("tunnel on a resumed TLS session, handshake to end", edge),
}


def count(name):
    """The counts that the run gives which has `name` among them."""
    with tempfile.TemporaryDirectory(prefix="counts.") as directory:
        return SCENARIOS[name][1](directory)
