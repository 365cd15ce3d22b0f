"""What it costs that a tunnel outlives its connection: the same copy with and without, in turns, on a wire between two network
namespaces, where TCP goes from end to end."""

import pytest

from suite.context import Client, MIB, median, median_ratio
from suite.paths import Path
from suite.section import Section, Table
from suite.sections import pump
from support.configured_edge import ConfiguredEdge
from support.network import Network
from support.supervised import EVERYBODY

ORDER = 46
# Bytes per run, by round trip in ms: (thorough, quick); and runs per case.
BYTES = {0: (512 * MIB, 64 * MIB), 20: (512 * MIB, 64 * MIB), 100: (256 * MIB, 64 * MIB)}
RUNS = (7, 2)
BASE, OURS = "without resuming", "with resuming"
COLUMNS = ["tunnel", "MiB/s", "least", "most", "of one without", "client CPU s/GiB", "of one without"]
FORMATS = ["{}", "{:.0f}", "{:.0f}", "{:.0f}", "{:.3f}", "{:.2f}", "{:.2f}"]


def paths(context):
    """Both tunnels on one wire, and the wire. Its packets are of up to 64 KiB, without which it would be the limit."""
    network = Network(context.world, "--offload")
    origin = context.world.start(network.server.inside([context.program("bench_origin")]))
    edge = ConfiguredEdge(context.world, f"127.0.0.1:{origin.ready_port()}", EVERYBODY, run_by=network.server.inside())
    client = Client(context.world, edge)
    context.world.run(network.client.inside(["cfpipe", "access", "login", edge.url()]), client.env).ok()

    def path(name, *more):
        command = network.client.inside(["cfpipe", "access", "ssh", *more, "--hostname", edge.host()])
        return Path(name, command, "our edge", env=client.env, servers=(edge.child,))

    return network, {one.name: one for one in (path(BASE, "--no-resume"), path(OURS))}


def table(title, results):
    rows = []
    for name, runs in results.items():
        rates = [run["rate"] for run in runs]
        rows.append([name, median(runs, "rate"), min(rates), max(rates), median_ratio(runs, results[BASE], "rate"),
                     median(runs, "client_per_gib"), median_ratio(runs, results[BASE], "client_per_gib")])
    return Table(title, COLUMNS, rows, FORMATS)


def run(context):
    section = Section("A tunnel that outlives its connection")
    try:
        network, ways = paths(context)
    except pytest.skip.Exception as why:
        context.say(f"left out: {why}")
        return section
    runs = RUNS[context.quick]
    for round_trip, sizes in BYTES.items():
        size = sizes[context.quick]
        network.delay(round_trip / 2)
        for what in ("up", "down"):
            results = pump.measure(context, ways, what, size, runs)
            section.tables.append(table(
                f"{size // MIB} MiB {what} at a round trip of {round_trip} ms, {runs} alternating runs", results))
            section.data[f"{what}, {round_trip} ms"] = results
    section.tables[-1].notes = ["The wire is a program of this machine, and takes its processor time as both ends do."]
    return section
