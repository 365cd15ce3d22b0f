"""Which edge goes with which style of ssh_config, where not each has to be tried with each."""

import pytest

# For what is done through ssh and knows nothing of us. Parameters of the fixtures `kind` and `ssh`.
EDGE_AND_STYLE = pytest.mark.parametrize("kind, ssh", [("own", "agent"), ("mock", "match")], indirect=True)
