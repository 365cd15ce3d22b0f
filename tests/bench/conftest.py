"""What the ratio tests have in common."""

import pytest

from suite.context import Context


@pytest.fixture(scope="module")
def context():
    """Servers and programs of one run of measurements."""
    context = Context(quick=True)
    yield context
    context.close()
