"""The audit tells when a connector has attached, when it has left and why, once for each of its connections."""

import re
import signal

import pytest

from support.connectors import Connector, edge_for, listed
from support.process import wait_until

LINKS = 2


@pytest.fixture
def edge(world, sshd):
    return edge_for(world, sshd.address)


@pytest.fixture
def connector(world, sshd, edge):
    made = Connector(world, edge, [sshd.address])
    wait_until(lambda: listed(edge) == {"office": [(LINKS, 0)]}, "both of its connections are attached")
    return made


def rows(edge, kind):
    """By request."""
    found = [row for row in edge.audit() if row["kind"] == kind]
    assert len({row["ray"] for row in found}) == len(found)
    return {row["ray"]: row for row in found}


def ends(edge, count=LINKS):
    """The rows of that many ends, each of which has that of its beginning."""
    wait_until(lambda: len(rows(edge, "connector_detached")) >= count, f"{count} connections have left")
    left, began = rows(edge, "connector_detached"), rows(edge, "connector_attached")
    assert len(left) == count and set(left) <= set(began)
    return [row["reason"] for row in left.values()]


def reason_of(connector, why):
    return rf"{connector.id} of \S+, run \S{{16}}: {why}, after \d+ s and 0 tunnels"


@pytest.mark.parametrize("number, why", [(signal.SIGTERM, "the connector has closed it"), (signal.SIGKILL, ".+")], ids=["ended", "killed"])
def test_a_connector_that_ends(edge, connector, number, why):
    connector.child.process.send_signal(number)
    connector.child.process.wait()
    for reason in ends(edge):
        assert re.fullmatch(reason_of(connector, why), reason), reason


def test_a_connector_that_is_revoked(edge, connector):
    edge.command("connector", "revoke", "office", "--yes").ok()
    for reason in ends(edge):
        assert re.fullmatch(reason_of(connector, "the connector was revoked"), reason), reason


def test_an_edge_that_ends_and_one_that_is_killed(edge, connector):
    edge.child.process.send_signal(signal.SIGTERM)
    edge.child.process.wait()
    edge.start_again()
    for reason in ends(edge):
        assert re.fullmatch(reason_of(connector, "the edge has (stopped|drained it)"), reason), reason
    wait_until(lambda: connector.attached() == LINKS, "it has attached anew")
    edge.child.kill()
    edge.start_again()
    wait_until(lambda: connector.attached() == LINKS, "it has attached once more")
    ends(edge)
    assert len(rows(edge, "connector_attached")) == 3 * LINKS
