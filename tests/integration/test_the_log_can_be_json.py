"""The edge's log as JSON, for collectors that want no lines to be taken apart."""

import json
import os
import re

from support.clients import Client
from support.configured_edge import ConfiguredEdge
from support.edges import PROGRAMS
from support.process import wait_until

APP = "vm.localhost"
POLICIES = [{"name": "all", "decision": "allow", "include": [{"email_domain": "example.com"}]}]
USAGE, CONFIG = 64, 78


def events(text):
    """Every line of a log, which has to be one object of time, level and message."""
    out = [json.loads(line) for line in text.splitlines()]
    for event in out:
        assert set(event) == {"time", "level", "message"}, event
        assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", event["time"]), event
        assert event["level"] in ("info", "warning", "error"), event
    return out


def edge_with_json(world, origin, *more):
    return ConfiguredEdge(world, origin, POLICIES, run_by=["env", "CFPIPE_EDGE_LOG_FORMAT=json", *more])


def test_every_line_is_an_object(world, sshd):
    edge = edge_with_json(world, sshd.address)
    client = Client(world, edge)
    client.login()
    client.ssh_gen().ok()
    edge.reload()
    edge.config.write_text("listen: [")
    edge.reload(says=str(edge.config) + ":")
    assert edge.child.stop() == 0
    said = events(edge.child.stderr.text)
    assert any("kind=login" in event["message"] for event in said)
    assert [event["level"] for event in said if event["message"].startswith(f"{edge.config}:")] == ["error"]


def test_quotes_and_control_characters_stay_inside(world):
    path = world.path('a "name" \\ with\ta tab')
    failed = world.run([PROGRAMS["own"], "run", "--log-format", "json", "--config", path])
    assert failed.status == CONFIG
    (event,) = events(failed.stderr)
    assert event["level"] == "error" and 'a "name" \\ with' in event["message"]


def test_bytes_that_are_no_text_leave_the_line_whole(world):
    name = os.fsencode(world.path("part-")) + b"\xff\xfe"
    failed = world.run([PROGRAMS["own"], "run", "--log-format", "json", "--config", os.fsdecode(name)])
    (event,) = events(failed.stderr)
    assert failed.status == CONFIG and "part-??" in event["message"], event


def test_text_is_the_default_and_other_formats_are_refused(world):
    missing = world.path("missing.yaml")
    failed = world.run([PROGRAMS["own"], "run", "--config", missing])
    assert failed.status == CONFIG and not failed.stderr.startswith("{")
    for place in (["--log-format", "xml"], []):
        argv = [PROGRAMS["own"], "run", *place, "--config", missing]
        refused = world.run(argv if place else ["env", "CFPIPE_EDGE_LOG_FORMAT=xml", *argv])
        assert refused.status == USAGE and "--log-format" in refused.stderr, refused
