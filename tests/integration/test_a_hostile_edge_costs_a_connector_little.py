"""What an edge can cause at a connector has bounds: heads, bodies, origins that are dialled at once, lines in the log."""

import json
import socket

import pytest

from support.connector_fixtures import connector, edge  # fixtures
from support.enrolled_connector import Connector
from support.process import wait_until

# As connector/ has them.
MOST_DIALS = 256
LOG_BURST, LOG_LINES_PER_SECOND = 200, 20


@pytest.fixture
def black_hole():
    """A listener whose queue is full: what connects to it waits."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        waiting = []
        while True:
            one = socket.socket()
            waiting.append(one)
            one.settimeout(0.5)
            try:
                one.connect(listener.getsockname())
            except TimeoutError:
                break
        yield "127.0.0.1:%d" % listener.getsockname()[1]
        for one in waiting:
            one.close()


@pytest.mark.parametrize("answer", [b"HTTP/1.1 401 No\r\nX: " + b"x" * 20_000 + b"\r\n\r\n",
                                    b"HTTP/1.1 401 No\r\nCfpipe-Challenge: a\r\nContent-Length: 100000\r\n\r\n" + b"x" * 100_000])
def test_large_answers_are_not_read(edge, connector, answer):
    edge.raw_answer = answer
    done = connector.command("run", "--once", "--state", connector.state, "--ca-file", edge.ca_file)
    assert "the answer is larger than any honest one" in done.failed(76).stderr


def test_interim_answers_are_skipped_only_so_often(edge, connector):
    edge.raw_answer = b"HTTP/1.1 100 Continue\r\n\r\n" * 40
    done = connector.command("run", "--once", "--state", connector.state, "--ca-file", edge.ca_file)
    done.failed(76)


def test_a_large_request_is_refused(edge, connector):
    connector.start()
    link = edge.attached(2)[0]
    assert link.open(("cfpipe-more", "x" * 40_000)).status == 400
    assert not link.over


def test_origins_are_dialled_so_many_at_once(edge, connector, black_hole):
    connector.start(origins=[black_hole])
    asked = [link.open(authority=black_hole) for link in edge.attached(2)[:2] for _ in range(75)]
    links = edge.attached(3)  # those two are busy
    asked += [link.open(authority=black_hole) for link, more in zip(links, (25, 25, 100)) for _ in range(more)]
    faults = [tunnel.fault for tunnel in asked]
    assert len(asked) == 300 and set(faults) == {"timed-out", "short"}
    assert faults.count("timed-out") == MOST_DIALS


def test_refusals_fill_no_log(edge, connector):
    connector.start()
    link = edge.attached(2)[0]
    for _ in range(20):
        for tunnel in [link.open(authority="10.0.0.1:22") for _ in range(50)]:
            assert tunnel.status == 403
    lines = connector.child.stderr.text.count("not opened")
    assert LOG_BURST <= lines < 2 * LOG_BURST


def test_an_edge_that_takes_connections_and_breaks_them_fills_no_log(edge, connector):
    edge.behind = b"\x00" * 100
    connector.start()
    wait_until(lambda: len(edge.links) >= 6, "it tries again")
    assert len(connector.child.stderr.text.splitlines()) < 60


def test_an_enrolment_answer_that_is_none_is_not_kept(world, edge):
    connector = Connector(world, edge)
    for answer in (b"[]", b"{}", json.dumps({"id": "../../etc/passwd", "name": "office"}).encode(),
                   json.dumps({"id": "a" * 16, "name": "of\nfice"}).encode()):
        edge.raw_answer = b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(answer) + answer
        assert "the edge's answer cannot be understood" in connector.enroll().failed(76).stderr
    assert not (connector.state / "connector.json").exists() and not (connector.state / "key.pem").exists()
