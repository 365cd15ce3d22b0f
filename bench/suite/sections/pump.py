"""How fast a copy goes, and what it costs: both directions, every path, without and with delay."""

from suite.context import GIB, MIB, median, median_ratio
from suite.paths import Paths
from suite.section import Plot, Section, Table

ORDER = 10
DELAY_MS = 25  # each way: 50 ms for a round trip
# Bytes per run and runs per case, by delay each way in ms: (thorough, quick).
BYTES = {0: (1024 * MIB, 128 * MIB), DELAY_MS: (512 * MIB, 64 * MIB)}
RUNS = {0: (7, 2), DELAY_MS: (3, 1)}
COLUMNS = ["path", "MiB/s", "of plain", "client CPU s/GiB", "of plain", "server CPU s/GiB", "peak RSS MiB"]
FORMATS = ["{}", "{:.0f}", "{:.2f}", "{:.2f}", "{:.2f}", "{:.2f}", "{:.1f}"]
BASE = "plain TLS pipe"
OURS = "cfpipe"


def measure(context, paths, what, size, runs):
    """Name → results of every run, with rates added."""
    cases = {name: lambda path=path: context.load(what, path.target, path.servers, path.env, bytes=size)
             for name, path in paths.items()}
    results = context.alternate(cases, runs)
    for runs_of_one in results.values():
        for run in runs_of_one:
            run["rate"] = size / MIB / run["seconds"]
            run["client_per_gib"] = run["client_cpu"] * GIB / size
            run["server_per_gib"] = sum(run["watched_cpu"]) * GIB / size
            run["both_per_gib"] = run["client_per_gib"] + run["server_per_gib"]
            run["rss_mib"] = run["peak_rss_kib"] / 1024
    return results


def table(title, results, paths):
    base = results[BASE]
    rows = []
    for name, runs in results.items():
        server = median(runs, "server_per_gib") if paths[name].servers else None
        rows.append([name, median(runs, "rate"), median_ratio(runs, base, "rate"), median(runs, "client_per_gib"),
                     median_ratio(runs, base, "client_per_gib"), server, median(runs, "rss_mib")])
    return Table(title, COLUMNS, rows, FORMATS)


def run(context):
    section = Section("The pump")
    rates, costs, groups = {}, {}, []
    for delay, (thorough, quick) in BYTES.items():
        size = quick if context.quick else thorough
        runs = RUNS[delay][context.quick]
        if delay and not context.program("slow_relay").exists():
            continue
        paths = Paths(context, delay).all()
        for what in ("up", "down"):
            label = f"{what}, {2 * delay} ms"
            groups.append(label)
            results = measure(context, paths, what, size, runs)
            section.tables.append(table(
                f"{size // MIB} MiB {what} at a round trip of {2 * delay} ms, {runs} alternating runs", results, paths))
            section.data[label] = results
            for name, of_one in results.items():
                rates.setdefault(name, []).append(median(of_one, "rate"))
                costs.setdefault(name, []).append(median(of_one, "client_per_gib"))
    ways = [f"{name}: {path.through}." for name, path in paths.items()]
    section.tables[-1].notes = ["CPU is user and system time; ratios are medians of the ratios of neighbouring runs."] + ways
    section.plots = [Plot("pump-rate", "Throughput", "MiB/s", groups, rates),
                     Plot("pump-cpu", "Client processor time", "s per GiB", groups, costs)]
    return section
