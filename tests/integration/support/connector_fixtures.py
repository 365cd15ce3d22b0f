"""Fixtures of the tests of `cfpipe-connector` at an edge that is not ours: import them by name."""

import pytest

from support.connector_edge import ConnectorEdge
from support.enrolled_connector import Connector


@pytest.fixture
def edge(world):
    return ConnectorEdge(world)


@pytest.fixture
def connector(world, edge):
    connector = Connector(world, edge)
    connector.enroll().ok()
    return connector
