"""HTTP/2 beside HTTP/1.1: a tunnel that is a stream over a long wire, where its windows decide how fast it goes, and what it
costs where there is no delay."""

from suite.context import MIB, median, median_ratio
from suite.paths import Paths
from suite.section import Section, Table
from suite.sections import pump

ORDER = 45
LONG_MS = 50  # each way: 100 ms for a round trip
# Bytes per run and runs per case, by delay each way in ms: (thorough, quick).
BYTES = {0: (512 * MIB, 128 * MIB), LONG_MS: (256 * MIB, 256 * MIB)}
RUNS = (5, 2)
BASE, OURS = "cfpipe", "cfpipe, h2"
COLUMNS = ["transport", "MiB/s", "least", "most", "of h1", "client CPU s/GiB", "of h1", "edge CPU s/GiB", "of h1", "peak RSS MiB"]
FORMATS = ["{}", "{:.0f}", "{:.0f}", "{:.0f}", "{:.2f}", "{:.2f}", "{:.2f}", "{:.2f}", "{:.2f}", "{:.1f}"]


def paths(context, delay):
    """HTTP/1.1 and HTTP/2, each over a relay of its own where there is a delay."""
    ways = Paths(context, delay)
    return {path.name: path for path in (ways.cfpipe(), ways.cfpipe_h2())}


def table(title, results):
    base = results[BASE]
    rows = []
    for name, runs in results.items():
        rates = [run["rate"] for run in runs]
        rows.append([name, median(runs, "rate"), min(rates), max(rates), median_ratio(runs, base, "rate"),
                     median(runs, "client_per_gib"), median_ratio(runs, base, "client_per_gib"),
                     median(runs, "server_per_gib"), median_ratio(runs, base, "server_per_gib"), median(runs, "rss_mib")])
    return Table(title, COLUMNS, rows, FORMATS)


def run(context):
    section = Section("HTTP/2")
    runs = RUNS[context.quick]
    for delay, sizes in BYTES.items():
        if delay and not context.program("slow_relay").exists():
            continue
        size = sizes[context.quick]
        ways = paths(context, delay)
        for what in ("up", "down"):
            results = pump.measure(context, ways, what, size, runs)
            section.tables.append(table(
                f"{size // MIB} MiB {what} at a round trip of {2 * delay} ms, {runs} alternating runs", results))
            section.data[f"{what}, {2 * delay} ms"] = results
    section.tables[-1].notes = ["1 Gbit/s are 119 MiB/s. The rate is that of the whole copy, the growth of its window included."]
    return section
