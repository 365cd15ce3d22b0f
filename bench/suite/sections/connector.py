"""What a connector costs beside an edge that dials: opening, throughput, key presses, and memory for each at the edge. Where there is a
round trip, it is on a wire between two network namespaces, where TCP goes from end to end; the client is at the edge."""

import os

import pytest

from suite.context import Client, MIB, median, median_ratio
from suite.section import Section, Table
from support.connectors import Connector, edge_for
from support.foreign_connector import ManyConnectors
from support.network import Network

ORDER = 70
DELAY_MS = 50  # each way, between the edge and what it dials or what has dialled it
BYTES = {0: (512 * MIB, 64 * MIB), DELAY_MS: (512 * MIB, 64 * MIB)}
RUNS = {0: (5, 2), DELAY_MS: (3, 1)}
OPENS = {0: (21, 3), DELAY_MS: (7, 2)}
KEYS = (2000, 200)
COUNTS = (1000, 100)
BASE, OURS = "dialled", "through a connector"
KIB = 1024


class Way:
    """An edge, and a client that is logged in there. `inside` wraps commands so that they run where the edge is."""

    def __init__(self, context, edge, inside=list):
        self.edge = edge
        self.client = Client(context.world, edge, f"state-{edge.port}")
        context.world.run(inside(["cfpipe", "access", "login", edge.url()]), self.client.env).ok()
        self.command = inside(["cfpipe", "access", "ssh", "--hostname", edge.host()])

    def load(self, context, what, **options):
        return context.load(what, self.command, (self.edge.child,), self.client.env, **options)


def near_ways(context):
    """The same origin, dialled by the edge and by a connector."""
    origin = context.origin.address
    edge = edge_for(context.world, origin)
    Connector(context.world, edge, [origin])
    return {BASE: Way(context, edge_for(context.world, origin, name=None)), OURS: Way(context, edge)}


def far_ways(context, delay):
    """With the long wire between the edge and the origin, which the connector is beside."""
    network = Network(context.world, "--offload")
    # Its own address is to be had there; 127.0.0.1 stays the edge's.
    network.client.ip("link", "set", "lo", "up")
    network.client.ip("addr", "del", "127.0.0.1/8", "dev", "lo")
    there, here = network.client.inside, network.server.inside
    program = there([context.program("bench_origin"), "--listen", f"{network.client_address}:0"])
    origin = f"{network.client_address}:{context.world.start(program).ready_port()}"
    dialled = edge_for(context.world, origin, name=None, run_by=here())
    edge = edge_for(context.world, origin, run_by=here())
    network.delay(delay)  # a connection that has seen a shorter way goes by that for many seconds (BBR)
    Connector(context.world, edge, [origin], inside=there)
    return {BASE: Way(context, dialled, here), OURS: Way(context, edge, here)}


def opening_and_bytes(context, delay):
    quick = context.quick
    both = far_ways(context, delay) if delay else near_ways(context)
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
        try:
            opens, keys, rates = opening_and_bytes(context, delay)
        except pytest.skip.Exception as why:
            context.say(f"left out: {why}")
            continue
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
