"""A tunnel over HTTP/2 on a wire of 100 ms beside one over HTTP/1.1 on the same wire, in turns: what its windows let through.
1 Gbit/s there wants 12.5 MB on the way. What is asserted is a share of what the best run over HTTP/1.1 or the largest window
allows; the rates themselves stand in docs/THROUGHPUT.md."""

import pytest

from suite import ratios
from suite.sections import http2, pump

RUNS = 3


@pytest.mark.parametrize("what", ["up", "down"])
def test_a_stream_carries_what_a_connection_of_its_own_would(context, what):
    size = http2.BYTES[http2.LONG_MS][True]
    results = pump.measure(context, http2.paths(context, http2.LONG_MS), what, size, RUNS)
    seen = {name: [round(run["rate"]) for run in runs] for name, runs in results.items()}
    assert ratios.long_wire(results[http2.OURS], results[http2.BASE]) == [], seen
