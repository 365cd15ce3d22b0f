"""`--admin-listen`: metrics as Prometheus' own library reads them, with what was really done in them; whether the edge lives, and
whether it takes connections."""

import http.client
import json
import pathlib
import re
import shutil
import signal
import socket
import subprocess
import time

import pytest
from prometheus_client.parser import text_string_to_metric_families

from support import limits, world as worlds
from support.clients import Client, REFUSED
from support.configured_edge import ConfiguredEdge
from support.edges import PROGRAMS
from support.origin import Origin
from support.process import wait_until

APP = "vm.localhost"
MONITORING = pathlib.Path(__file__).resolve().parents[2] / "packaging/monitoring"
SENT, USAGE, CONFIG = b"x" * 100_000, 64, 78
POLICIES = [{"name": "all", "decision": "allow", "include": [{"email_domain": "example.com"}],
             "exclude": [{"email": "mallory@example.com"}]}]


def answer_of_all(connection, events):
    """Takes all that comes, then answers."""
    while connection.recv(65536):
        pass
    connection.sendall(SENT)


class Watched:
    def __init__(self, world):
        self.edge = ConfiguredEdge(world, world.closing(Origin(answer_of_all)).address, POLICIES, more={"admin_listen": "127.0.0.1:0"})
        self.port = int(self.edge.child.stderr.wait_for(r"metrics at http://127\.0\.0\.1:(\d+)/metrics").group(1))

    def get(self, path, method="GET"):
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=limits.COMMAND_DEADLINE)
        connection.request(method, path)
        answer = connection.getresponse()
        return answer.status, answer.headers, answer.read().decode()

    def metrics(self):
        """By sample and its labels' values."""
        status, headers, text = self.get("/metrics")
        assert status == 200 and headers["Content-Type"].startswith("text/plain; version=0.0.4"), headers
        return {(sample.name, *sample.labels.values()): sample.value
                for family in text_string_to_metric_families(text) for sample in family.samples}


@pytest.fixture
def watched(world):
    return Watched(world)


def test_metrics_are_what_was_done(world, watched):
    client = Client(world, watched.edge)
    before = watched.metrics()
    assert before["cfpipe_edge_ready",] == 1 and before["cfpipe_edge_tunnels",] == 0
    assert ("cfpipe_edge_logins_total", APP) not in before
    client.login()
    client.ssh_gen().ok()
    child = client.start("access", "ssh", "--hostname", watched.edge.host())
    wait_until(lambda: watched.metrics()["cfpipe_edge_tunnels",] == 1, "a tunnel is open")
    assert watched.metrics()["cfpipe_edge_connections",] >= 1
    child.process.stdin.write(b"up" * 1000)
    child.process.stdin.close()
    with child.process.stdout as output:
        assert output.read() == SENT
    assert child.wait() == 0
    wait_until(lambda: watched.metrics().get(("cfpipe_edge_tunnels_closed_total", APP)) == 1, "the tunnel has ended")
    after = watched.metrics()
    for name, value in {"logins": 1, "certificates": 1, "tunnels_opened": 1, "tunnel_received_bytes": 2000,
                        "tunnel_sent_bytes": len(SENT)}.items():
        assert after[f"cfpipe_edge_{name}_total", APP] == value, name
    assert after["cfpipe_edge_tunnels",] == 0 and after["cfpipe_edge_audit_failures_total",] == 0
    assert after["cfpipe_edge_requests_total", "1xx"] == 1 and after["cfpipe_edge_requests_total", "2xx"] > 0
    assert 0 < after["process_open_fds",] < after["process_max_fds",] and after["process_resident_memory_bytes",] > 2**20
    assert abs(after["process_start_time_seconds",] - watched.edge.config.stat().st_mtime) < 120

    others = Client(world, watched.edge, "mallory", browser_env={"EMAIL": "mallory@example.com"})
    denied_before = after.get(("cfpipe_edge_denials_total", APP), 0)
    refused = others.run("access", "ssh", "--hostname", watched.edge.host(), "--id", "absent.access", "--secret", "0")
    assert refused.status == REFUSED, refused
    assert watched.metrics()["cfpipe_edge_denials_total", APP] > denied_before


def test_names_are_by_the_conventions(watched):
    text = watched.get("/metrics")[2]
    families = list(text_string_to_metric_families(text))
    assert len({family.name for family in families}) == len(families) > 10
    for family in families:
        assert family.documentation.endswith("."), family
        assert re.fullmatch("(cfpipe_edge|process)_[a-z_]+", family.name), family
        assert (family.type == "counter") == all(sample.name.endswith("_total") for sample in family.samples) or not family.samples, family
    if shutil.which("promtool"):
        subprocess.run(["promtool", "check", "metrics"], input=text.encode(), check=True)


def test_alerts_and_dashboard_ask_for_what_there_is(watched):
    types = dict(re.findall(r"^# TYPE (\S+) (\S+)$", watched.get("/metrics")[2], re.MULTILINE))
    there = set(types)
    there.update(name + part for name, kind in types.items() if kind == "histogram" for part in ("_bucket", "_sum", "_count"))
    rules = re.findall(r"^ +expr: (.*)$", (MONITORING / "alerts.yaml").read_text(), re.MULTILINE)
    panels = json.loads((MONITORING / "grafana.json").read_text())["panels"]
    asked = rules + [target["expr"] for panel in panels for target in panel["targets"]]
    assert len(rules) > 5 and len(panels) > 10
    for expression in asked:
        names = set(re.findall(r"\b(?:cfpipe_edge|process)_\w+", expression))
        assert names and names <= there, expression
    if shutil.which("promtool"):
        subprocess.run(["promtool", "check", "rules", MONITORING / "alerts.yaml"], check=True)


def test_bytes_of_an_open_tunnel_are_seen_while_they_move(world, watched):
    client = Client(world, watched.edge)
    client.login()
    child = client.start("access", "ssh", "--hostname", watched.edge.host())
    child.process.stdin.write(b"up" * 1000)
    child.process.stdin.flush()
    received = ("cfpipe_edge_tunnel_received_bytes_total", APP)
    wait_until(lambda: watched.metrics().get(received) == 2000, "the bytes are counted")
    assert watched.metrics()["cfpipe_edge_tunnels",] == 1
    child.process.stdin.close()
    with child.process.stdout as output:
        assert output.read() == SENT
    assert child.wait() == 0
    wait_until(lambda: watched.metrics()["cfpipe_edge_tunnels",] == 0, "the tunnel has ended")
    assert watched.metrics()[received] == 2000


def test_times_and_the_certificates_end_are_told(world, watched):
    client = Client(world, watched.edge)
    client.login()
    client.ssh_gen().ok()
    metrics = watched.metrics()
    assert metrics["cfpipe_edge_request_seconds_count",] >= 2 and metrics["cfpipe_edge_certificate_seconds_count",] == 1
    assert metrics["cfpipe_edge_request_seconds_bucket", "+Inf"] == metrics["cfpipe_edge_request_seconds_count",]
    assert metrics["cfpipe_edge_certificate_expiry_seconds",] > time.time()


def test_it_lives_until_its_end_but_is_not_ready_then(world, watched):
    assert watched.get("/healthz")[0] == 200 and watched.get("/readyz")[0] == 200
    client = Client(world, watched.edge)
    client.login()
    child = client.start("access", "ssh", "--hostname", watched.edge.host())
    wait_until(lambda: watched.metrics()["cfpipe_edge_tunnels",] == 1, "a tunnel is open")
    watched.edge.child.process.send_signal(signal.SIGTERM)
    wait_until(lambda: watched.get("/readyz")[0] == 503, "it is not ready while it drains")
    assert watched.get("/healthz")[0] == 200 and watched.metrics()["cfpipe_edge_ready",] == 0
    child.process.stdin.close()
    with child.process.stdout as output:
        assert output.read() == SENT
    assert child.wait() == 0 and watched.edge.child.wait() == 0


def test_little_is_answered_and_little_is_taken(watched):
    assert watched.get("/")[0] == 404 and watched.get("/metrics?x=1")[0] == 200
    status, headers, body = watched.get("/metrics", "HEAD")
    assert status == 200 and body == "" and int(headers["Content-Length"]) > 1000
    status, headers, _ = watched.get("/metrics", "POST")
    assert status == 405 and headers["Allow"] == "GET, HEAD"
    with socket.create_connection(("127.0.0.1", watched.port)) as much:
        much.settimeout(limits.COMMAND_DEADLINE)
        try:
            much.sendall(b"GET /metrics HTTP/1.1\r\nX: " + b"x" * 1_000_000)
            assert much.recv(1) == b""
        except ConnectionError:
            pass  # a reset is as good an end as any
    # As many as are served at once, and more that are not, keep no other from asking once they have gone.
    idle = [socket.create_connection(("127.0.0.1", watched.port)) for _ in range(40)]
    for one in idle:
        one.close()
    wait_until(lambda: watched.get("/healthz")[0] == 200, "it answers again")


@pytest.mark.parametrize("listen", ["nonsense", "127.0.0.1", "localhost:9443", "127.0.0.1:99999"])
def test_an_address_that_is_none_is_refused(watched, listen):
    failed = watched.edge.command("run", "--admin-listen", listen).failed(USAGE)
    assert failed.stderr == "cfpipe-edge: --admin-listen must be ADDRESS:PORT, such as 127.0.0.1:9443\n"
    config = json.loads(watched.edge.config.read_text())
    watched.edge.config.write_text(json.dumps({**config, "admin_listen": listen}))
    failed = watched.edge.command("check-config").failed(CONFIG)
    assert "'admin_listen' must be ADDRESS:PORT, such as 127.0.0.1:9443" in failed.stderr, failed


def test_an_address_that_is_taken_is_said(watched):
    watched.edge.command("run", "--admin-listen", f"127.0.0.1:{watched.port}").failed(CONFIG)
