"""What a copy costs beside its yardsticks, all measured in one run, in turns. Asserted are ratios of processor time, of the
least that each has taken: what else the machine does can only add to it. Absolute figures are never asserted, and neither is
a ratio of seconds, which says more about the neighbours than about us. The bounds, and who judges: suite/ratios.py."""

import pytest

from suite import ratios
from suite.context import MIB
from suite.paths import Paths
from suite.sections import keystrokes, pump

SIZE = 96 * MIB
RUNS = 11  # the least of a few still depends on the neighbours
OURS = "cfpipe"


@pytest.mark.parametrize("what", ["up", "down"])
def test_a_copy_costs_no_more_than_the_plain_pipe_and_less_than_asio(context, what):
    results = pump.measure(context, Paths(context).all(ratios.PLAIN, ratios.ASIO, OURS), what, SIZE, RUNS)
    seen = {name: [(round(run["client_per_gib"], 3), round(run["server_per_gib"], 3)) for run in runs]
            for name, runs in results.items()}
    assert ratios.copy(results[OURS], results[ratios.PLAIN], results[ratios.ASIO]) == [], seen


def test_a_key_press_is_not_starved_by_a_copy_in_another_session(context):
    path = Paths(context).all(OURS)[OURS]
    for what in ("down", "up"):
        result = keystrokes.press(context, path, what, 60)
        assert ratios.key_press(result) == [], result
