"""`audit: {file: …}`: the rows of the audit as JSON lines in a file or on standard output, also those of commands that ran
beside the edge; logrotate's way of taking the file away; no secret in it."""

import json
import os
import signal

from support.clients import Client
from support.configured_edge import ConfiguredEdge
from support.origin import Origin
from support.process import wait_until

POLICIES = [{"name": "all", "decision": "allow", "include": [{"email_domain": "example.com"}]}]


def edge_with(world, file):
    origin = world.closing(Origin(lambda connection, events: connection.sendall(b"banner\r\n")))
    return ConfiguredEdge(world, origin.address, POLICIES, more={"audit": {"file": str(file)}})


def rows(text):
    """What is complete of it."""
    return [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines() if line.startswith("{")]


def use(edge, client):
    client.login()
    assert client.banner() == "banner\r\n"
    edge.wait_for_audit("tunnel_close")
    return edge.service_token("deploy")


def test_the_file_has_every_row(world):
    path = world.path("audit.jsonl")
    edge = edge_with(world, path)
    client = Client(world, edge)
    secret = use(edge, client)[1]
    wait_until(lambda: rows(path.read_text()) == edge.audit(), "the file has what the state has")
    kinds = [row["kind"] for row in rows(path.read_text())]
    for kind in ("login", "tunnel_open", "tunnel_close", "service_token_create"):
        assert kinds.count(kind) == 1, kinds
    assert path.stat().st_mode & 0o777 == 0o600
    token = client.token()
    assert secret not in path.read_text() and token not in path.read_text() and token.split(".")[2] not in path.read_text()

    moved = path.rename(world.path("audit.jsonl.1"))
    os.kill(edge.child.pid, signal.SIGHUP)
    edge.child.stderr.wait_for("reloaded: ")
    edge.command("service-token", "revoke", "deploy").ok()
    wait_until(lambda: path.exists() and [row["kind"] for row in rows(path.read_text())] == ["service_token_revoke"], "the new file has what came after")
    edge.stop()
    edge.command("ca", "rotate", "--app", edge.hosts[0]).ok()
    assert rows(moved.read_text()) + rows(path.read_text()) == edge.audit()[:-1]
    # Rows written while the copy was stopped follow.
    edge.child = world.start(edge.child.argv)
    edge.port = edge.child.ready_port()
    wait_until(lambda: rows(moved.read_text()) + rows(path.read_text()) == edge.audit(), "nothing is missing")


def test_standard_output_has_them_too(world):
    edge = edge_with(world, "-")
    use(edge, Client(world, edge))
    wait_until(lambda: rows(edge.child.stdout.text) == edge.audit(), "standard output has what the state has")


def test_a_file_that_cannot_be_had_is_said(world):
    open_to_all = world.path("audit.jsonl")
    open_to_all.touch()
    open_to_all.chmod(0o666)
    edge = edge_with(world, "-")
    edge.stop()
    config = json.loads(edge.config.read_text())
    config["audit"]["file"] = str(open_to_all)
    edge.config.write_text(json.dumps(config))
    failed = edge.command("run").failed(78)
    assert f"cfpipe-edge: the audit's copy: {open_to_all}: can be written by others\n" in failed.stderr, failed
