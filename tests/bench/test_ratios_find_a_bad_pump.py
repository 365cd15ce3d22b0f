"""The judges of the other tests here, before which real programs fail: a pump of small blocks, a tunnel on a long wire, and
windows that are small for theirs. A judge that is content with these would be content with anything."""

import pytest

from suite import ratios
from suite.context import MIB
from suite.paths import Paths
from suite.sections import http2, keystrokes, pump

SIZE = 32 * MIB
FAR_SIZE = 64 * MIB
RUNS = 3
# Bytes that the bad pump moves at a time, each in a TLS record of its own.
BLOCK = 512
# Each way, in milliseconds: a key press and its echo take more than what a starved loop would.
FAR_MS = 150
# A round trip of ten times the length is to a window what a tenth of the window is to the round trip.
TEN_TIMES = 10


@pytest.mark.parametrize("what", ["up", "down"])
def test_a_pump_of_small_blocks_is_found_too_dear(context, what):
    ways = Paths(context)
    bad = ways.crippled(BLOCK)
    results = pump.measure(context, {**ways.all(ratios.PLAIN, ratios.ASIO), bad.name: bad}, what, SIZE, RUNS)
    complaints = ratios.copy(results[bad.name], results[ratios.PLAIN], results[ratios.ASIO])
    assert len(complaints) == 3, (complaints, results)  # client, both ends, server


def test_a_tunnel_on_a_long_wire_is_found_starved(context):
    path = Paths(context, FAR_MS).all("cfpipe")["cfpipe"]
    result = context.load("echo", path.target, path.servers, path.env, count=5, every_us=0)
    assert ratios.key_press(result) != [], result


def test_windows_that_are_small_for_their_path_are_found_too_slow(context):
    near, far = Paths(context, http2.LONG_MS), Paths(context, TEN_TIMES * http2.LONG_MS)
    ways = {http2.BASE: near.cfpipe(), http2.OURS: far.cfpipe_h2()}
    results = pump.measure(context, ways, "down", FAR_SIZE, 1)
    seen = {name: [run["rate"] for run in runs] for name, runs in results.items()}
    assert ratios.long_wire(results[http2.OURS], results[http2.BASE]) != [], seen
