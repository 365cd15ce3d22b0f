"""The command line of scripts/bench: runs the sections, prints their tables, writes JSON and plots."""

import argparse
import importlib
import pathlib
import pkgutil
import sys

from suite import report, sections
from suite.context import BENCH, ROOT, Context, machine


def all_sections():
    """Key → module, in the order of their ORDER."""
    found = {name: importlib.import_module(f"suite.sections.{name}")
             for _, name, _ in pkgutil.iter_modules(sections.__path__)}
    return dict(sorted(found.items(), key=lambda item: item[1].ORDER))


def arguments(known):
    parser = argparse.ArgumentParser(prog="scripts/bench", description="Measures cfpipe beside its limits and its peers, "
                                     "in alternating runs, and prints medians and ratios.")
    parser.add_argument("--quick", action="store_true", help="fewer and shorter runs: to see that all works")
    parser.add_argument("--json", type=pathlib.Path, default=BENCH / "bench.json", metavar="FILE",
                        help="where the numbers go (default: bench/bench.json in the build directory)")
    parser.add_argument("--markdown", action="store_true", help="print the tables as Markdown")
    parser.add_argument("--update", action="store_true", help="put tables and plots into the pages of docs/")
    parser.add_argument("section", nargs="*", help=f"what to measure (default: all): {', '.join(known)}")
    options = parser.parse_args()
    unknown = [name for name in options.section if name not in known]
    if unknown:
        parser.error(f"no section named {unknown[0]}; there are: {', '.join(known)}")
    return options


def main():
    known = all_sections()
    options = arguments(known)
    seen_on = machine()
    print(f"{seen_on['cpu']}, {seen_on['cores']} cores, Linux {seen_on['kernel']}, load {seen_on['load_before']}\n", flush=True)
    done = {}
    for key, module in known.items():
        if options.section and key not in options.section:
            continue
        context = Context(options.quick, lambda text, key=key: print(f"{key}: {text}", file=sys.stderr, flush=True))
        try:
            done[key] = module.run(context)
        finally:
            context.close()
        if options.update:
            report.update(ROOT / "docs", key, done[key], seen_on)
        print((report.markdown if options.markdown else report.text)(done[key]), flush=True)
    for path in report.write(done, seen_on, BENCH, options.json):
        print(path, file=sys.stderr)


if __name__ == "__main__":
    main()
