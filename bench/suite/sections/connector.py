"""What a connector costs beside an edge that dials: opening, throughput, key presses, and memory for each at the edge."""

import os

from suite.context import Client, MIB, median, median_ratio
from suite.section import Section, Table
from support.connectors import Connector, edge_for
from support.foreign_connector import ManyConnectors

ORDER = 70
DELAY_MS = 50  # each way, between the edge and what it dials or what has dialled it
BYTES = {0: (512 * MIB, 64 * MIB), DELAY_MS: (256 * MIB, 48 * MIB)}
RUNS = {0: (5, 2), DELAY_MS: (3, 1)}
OPENS = {0: (21, 3), DELAY_MS: (7, 2)}
KEYS = (2000, 200)
COUNTS = (1000, 100)
BASE = "dialled"
KIB = 1024


class Way:
    """An edge, and a client that is logged in there."""

    def __init__(self, context, edge):
        self.edge = edge
        self.client = Client(context.world, edge, f"state-{edge.port}")
        self.client.login()
        self.command = ["cfpipe", "access", "ssh", "--hostname", edge.host()]

    def load(self, context, what, **options):
        return context.load(what, self.command, (self.edge.child,), self.client.env, **options)


def ways(context, delay):
    """The same origin, dialled by the edge and by a connector, with the long wire at the same place."""
    origin = context.origin.address
    far = context.slow(origin, delay).address if delay else origin
    dialled = Way(context, edge_for(context.world, far, name=None))
    edge = edge_for(context.world, origin)
    way = context.slow(f"127.0.0.1:{edge.port}", delay).address if delay else None
    Connector(context.world, edge, [origin], way=way)
    return {BASE: dialled, "through a connector": Way(context, edge)}


def opening_and_bytes(context, delay):
    quick = context.quick
    both = ways(context, delay)
    opens = context.alternate({name: lambda way=way: way.load(context, "echo", count=1) for name, way in both.items()},
                              OPENS[delay][quick])
    keys = context.alternate({name: lambda way=way: way.load(context, "echo", count=KEYS[quick]) for name, way in both.items()},
                             1) if not delay else None
    size = BYTES[delay][quick]
    rates = {}
    for what in ("up", "down"):
        rates[what] = context.alternate({name: lambda way=way: way.load(context, what, bytes=size) for name, way in both.items()},
                                        RUNS[delay][quick])
        for runs in rates[what].values():
            for run in runs:
                run["rate"] = size / MIB / run["seconds"]
    return opens, keys, rates


def run(context):
    section = Section("Connectors")
    rows = []
    for delay in (0, DELAY_MS):
        opens, keys, rates = opening_and_bytes(context, delay)
        for name in opens:
            row = [f"{name}, {2 * delay} ms", median(opens[name], "connect_ms")]
            for what in ("up", "down"):
                runs, base = rates[what][name], rates[what][BASE]
                row += [median(runs, "rate"), median_ratio(runs, base, "rate")]
            rows.append([*row, median(keys[name], "p50_us") if keys else None])
        section.data[f"{2 * delay} ms"] = {"opens": opens, "rates": rates}
    section.tables = [Table(
        "The origin dialled by the edge, and by a connector; the round trip is between the edge and either",
        ["way", "start to first byte, ms", "up MiB/s", "of dialled", "down MiB/s", "of dialled", "key press p50, µs"], rows,
        ["{}", "{:.1f}", "{:.0f}", "{:.2f}", "{:.0f}", "{:.2f}", "{:.0f}"])]
    edge = edge_for(context.world, context.origin.address, more={"limits": {"connections_per_address": "none"}})
    many = ManyConnectors(context.world, edge, COUNTS[context.quick])
    section.tables.append(Table("Attached connectors that are idle, of one connection each", ["connectors", "KiB each at the edge"],
                                [[str(many.count), many.bytes_each / KIB]], ["{}", "{:.1f}"],
                                [f"{os.cpu_count()} processors serve the edge, the origin, the connectors and the clients."]))
    section.data["idle"] = {"count": many.count, "bytes_each": many.bytes_each}
    return section
