"""A write to the edge's state that fails costs one request, which says so; what was answered is in the audit after a restart, no
serial comes twice, and the edge goes on."""

import json
import os

from support import system_faults
from support.clients import Client
from support.edges import AUTH_HOST, HOST, PROGRAMS
from support.origin import Origin, echo
from support.world import EMAIL

CALLS = {"pwrite64": ["ENOSPC", "EIO"], "fdatasync": ["EIO"], "fsync": ["EIO"], "openat": ["EMFILE"], "ftruncate": ["EIO"],
         "unlink": ["EACCES"], "fcntl": ["EAGAIN"]}
CERTIFICATES = 4
MOST = 40 if os.environ.get("CFPIPE_ALL_SYSTEM_FAULTS") else 3  # faults of each kind

pytestmark = system_faults.MARKS


class Scene:
    """An edge with a state of its own, below whatever runs it, and a client that has signed in at it."""

    def __init__(self, world, origin, name):
        self.world, self.state, self.origin = world, world.path(name), origin
        self.hosts, self.auth_host, self.email = (HOST,), AUTH_HOST, EMAIL
        self.child, self.port = None, 0

    def start(self, before=()):
        """On the port of the first start. False: it has ended with a message instead."""
        self.child = self.world.start([*before, PROGRAMS["own"], "dev", "--listen", f"127.0.0.1:{self.port}", "--auth-domain", AUTH_HOST,
                                       "--origin", self.origin, "--email", EMAIL, "--state", self.state])
        try:
            self.port = self.child.ready_port()
        except AssertionError:
            assert self.child.wait() in (69, 78), self.child.stderr.text
            return False
        return True

    @property
    def ca_file(self):
        return self.state / "tls-ca.pem"

    def host(self, name=None):
        return f"{name or HOST}:{self.port}"

    def url(self, name=None):
        return f"https://{self.host(name)}/"

    def audit(self):
        finished = self.world.run([PROGRAMS["own"], "audit", "--json", "--state", self.state]).ok()
        return [json.loads(line) for line in finished.stdout.splitlines()]


def serial_of(client):
    """Of a certificate that the edge signs now, or None: refused, with one line that says why."""
    for path in client.home.glob("*-cf_key*"):
        path.unlink()
    finished = client.run("access", "ssh-gen", "--hostname", client.edge.host())
    if finished.status != 0:
        assert finished.status in (69, 75, 76) and finished.stderr.count("\n") == 1, finished
        return None
    path = next(client.home.glob("*-cf_key-cert.pub"))
    shown = client.world.run(["/usr/bin/ssh-keygen", "-L", "-f", path]).ok().stdout
    return int(next(line for line in shown.splitlines() if "Serial:" in line).split()[1])


def certificates(client):
    return [serial for serial in (serial_of(client) for _ in range(CERTIFICATES)) if serial is not None]


def sampled(count):
    step = max(1, count // MOST)
    return range(count, 0, -step)[:MOST]


def test_an_edge_outlives_failed_writes(world, kind):
    origin = world.closing(Origin(echo)).address
    log = world.path("recorded.trace")
    scene = Scene(world, origin, "edge")
    threads = (system_faults.AS_CHILD, system_faults.THREADS)
    assert scene.start(system_faults.watching(log, *threads, calls=CALLS))
    client = Client(world, scene)
    client.login()
    given = certificates(client)
    assert len(given) == CERTIFICATES and scene.child.stop() == 0
    counts = system_faults.calls_of_threads(log, CALLS)
    assert counts["pwrite64"] and counts["fdatasync"] + counts["fsync"], counts
    served = 0
    for fault in (system_faults.Fault(call, error, number) for call, errors in CALLS.items() for error in errors
                  for number in sampled(counts[call])):
        fault_log = world.path("fault.trace")
        if not scene.start(fault.argv(fault_log, *threads)):
            continue
        before = len(given)
        given += certificates(client)
        said = scene.child.stderr.text
        assert len(given) - before >= CERTIFICATES - 1, (fault, said)
        assert scene.child.process.poll() is None and scene.child.stop() == 0, (fault, said)
        served += system_faults.was_met(fault_log)
        assert len(set(given)) == len(given), (fault, given)
    assert served >= 3, "no fault was met by an edge that served"
    assert scene.start()
    given += certificates(client)
    assert scene.child.stop() == 0
    assert len(set(given)) == len(given)
    recorded = {row["serial"] for row in scene.audit() if row["kind"] == "certificate"}
    assert set(given) <= recorded
