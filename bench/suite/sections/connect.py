"""From the start of the client to the origin's first byte, with everything cached that can be."""

from suite.context import median
from suite.paths import Paths
from suite.section import Plot, Section, Table

ORDER = 30
DELAY_MS = 25
RUNS = {0: (21, 3), DELAY_MS: (7, 1)}


def run(context):
    section = Section("Connecting")
    by_delay = {}
    for delay, counts in RUNS.items():
        if delay and not context.program("slow_relay").exists():
            continue
        paths = Paths(context, delay).all()
        cases = {name: lambda path=path: context.load("echo", path.target, env=path.env, count=1)
                 for name, path in paths.items()}
        by_delay[delay] = context.alternate(cases, counts[context.quick])
    rows = []
    for name in by_delay[0]:
        times = [median(results[name], "connect_ms") for results in by_delay.values()]
        rows.append([name, *times, median(by_delay[0][name], "idle_rss_kib") / 1024])
    columns = ["path"] + [f"ms at {2 * delay} ms" for delay in by_delay] + ["RSS MiB"]
    section.tables = [Table("Start of the client to the first byte, by round trip time, and its memory then", columns, rows,
                            ["{}"] + ["{:.1f}"] * (len(columns) - 1))]
    section.plots = [Plot("connect", "Start to first byte", "ms", [f"{2 * d} ms" for d in by_delay],
                          {row[0]: row[1:-1] for row in rows}, log=True)]
    section.data = {f"{2 * delay} ms": results for delay, results in by_delay.items()}
    return section
