"""What the edge makes of its processors: handshakes beside openssl's own server, and how connections are spread."""

import re
import socket
import statistics
import subprocess

from suite.section import Section, Table

ORDER = 70
SECONDS = (5, 1)
RUNS = (5, 1)
# Clients at once: one fills less than a server of several loops can take.
CLIENTS = 2
LOOPS = 2
SPREAD = (2, 4, 8, 32, 1000)
TRIALS = 50


def openssl_server(context, edge):
    """With the edge's own certificate and key. It serves one connection after the other."""
    child = context.world.start(["openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", edge.state / "tls-cert.pem",
                                 "-key", edge.state / "tls-key.pem", "-www"])
    child.port = int(child.stdout.wait_for(r"ACCEPT 127\.0\.0\.1:(\d+)").group(1))
    return child


def handshakes(child, port, ca_file, seconds, how):
    """Of s_time clients at once: connections per second, and the server's processor time for each."""
    argv = ["openssl", "s_time", "-connect", f"127.0.0.1:{port}", "-time", str(seconds), "-CAfile", str(ca_file), *how]
    before = child.cpu_seconds()
    running = [subprocess.Popen(argv, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True) for _ in range(CLIENTS)]
    outputs = [one.communicate()[0] for one in running]
    found = [re.search(r"^(\d+) connections in (\d+) real seconds", text, re.MULTILINE) for text in outputs]
    count = sum(int(match[1]) for match in found)
    # s_time rounds its seconds up; what it was told is what it took.
    return {"per_s": count / seconds, "cpu_ms": (child.cpu_seconds() - before) * 1e3 / count}


def spread_by_kernel(count):
    """The fullest of LOOPS listeners with SO_REUSEPORT, as a share of the even one, for `count` connections."""
    listeners = []
    for _ in range(LOOPS):
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
        listener.bind(("127.0.0.1", listeners[0].getsockname()[1] if listeners else 0))
        listener.listen(count)
        listener.setblocking(False)
        listeners.append(listener)
    clients = [socket.create_connection(listeners[0].getsockname()) for _ in range(count)]
    fullest = 0
    for listener in listeners:
        accepted = 0
        while True:
            try:
                listener.accept()[0].close()
            except BlockingIOError:
                break
            accepted += 1
        fullest = max(fullest, accepted)
    for one in listeners + clients:
        one.close()
    return fullest / (count / LOOPS)


def run(context):
    edge, _ = context.access()
    other = openssl_server(context, edge)
    seconds = SECONDS[context.quick]
    rows, data = [], {}
    for what, how in (("full handshake", ["-new"]), ("resumed, with a request", ["-reuse", "-www", "/"])):
        ways = {"cfpipe-edge": lambda how=how: handshakes(edge.child, edge.port, edge.ca_file, seconds, how),
                "openssl s_server": lambda how=how: handshakes(other, other.port, edge.ca_file, seconds, how)}
        results = context.alternate(ways, RUNS[context.quick])
        data[what] = results
        for name, seen in results.items():
            rows.append([what, name, statistics.median(s["per_s"] for s in seen), statistics.median(s["cpu_ms"] for s in seen)])
    trials = TRIALS if not context.quick else 5
    spreads = []
    for count in SPREAD:
        seen = sorted(spread_by_kernel(count) for _ in range(trials))
        spreads.append([str(count), statistics.median(seen), seen[-1], 1.0])
    section = Section("The edge on all cores")
    section.tables = [
        Table("Handshakes with the same key, TLS 1.3", ["what", "server", "per second", "server's CPU ms each"], rows,
              ["{}", "{}", "{:.0f}", "{:.2f}"],
              [f"{CLIENTS} processes of openssl s_time on the same processors. s_server is one thread."]),
        Table(f"The fuller of {LOOPS} loops, as a multiple of an even share",
              ["connections", "SO_REUSEPORT, median", "worst", "handed over"], spreads, ["{}", "{:.2f}", "{:.2f}", "{:.2f}"],
              [f"{trials} trials each. Handing over to the loop that has fewest is even by construction."])]
    section.data = data | {"spread": spreads}
    return section
