"""One edge with 1 to 10,000 idle tunnels: how connect time, memory and processor time grow."""

import resource

from suite.section import Plot, Section, Table
from support.many import Many

ORDER = 60
COUNTS = (1, 10, 100, 1_000, 10_000)
QUICK_COUNTS = (1, 100)
# Descriptors that the edge keeps for itself (edge/limits/fd_limits.h), and how many a tunnel takes.
OWN_DESCRIPTORS = 256
PER_TUNNEL = 2


def run(context):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    fit = (hard - OWN_DESCRIPTORS) // PER_TUNNEL - 8
    counts = [min(count, fit) for count in (QUICK_COUNTS if context.quick else COUNTS)]
    many = Many(context.world)
    results = []
    for count in counts:
        context.say(f"{count} tunnels")
        results.append(many.open(count, idle=5))
    notes = [f"TLS state is {results[0]['tls_state_bytes'] / 1024:.1f} KiB: the heap of an OpenSSL server connection by itself.",
             "Clients and origin share the processors with the edge, 64 connects are under way at once."]
    if counts[-1] < COUNTS[-1] and not context.quick:
        notes.append(f"The limit of open files here ({hard}) allows no more than {fit} tunnels.")
    columns = ["tunnels", "connect p50 ms", "p99 ms", "edge MiB", "KiB per tunnel", "beyond TLS", "CPU ms per connect",
               "idle CPU ms/s"]
    rows = [[str(r["count"]), r["connect_ms_p50"], r["connect_ms_p99"], r["edge_rss_mib"],
             r["edge_bytes_per_tunnel"] / 1024, r["own_bytes_per_tunnel"] / 1024, r["edge_cpu_ms_per_connect"],
             r["edge_idle_cpu_ms_per_s"]] for r in results]
    section = Section("Many tunnels")
    section.tables = [Table("One edge, from one tunnel to thousands", columns, rows,
                            ["{}", "{:.1f}", "{:.1f}", "{:.1f}", "{:.1f}", "{:.1f}", "{:.2f}", "{:.2f}"], notes)]
    section.plots = [Plot("many_tunnels", "The edge's resident memory", "MiB", counts,
                          {"edge": [r["edge_rss_mib"] for r in results]}, log=True, lines=True)]
    section.data = {str(r["count"]): r for r in results}
    return section
