"""Sections as text, as Markdown, as JSON and as SVG files."""

import json

from suite import plot
from suite.marks import page_of, put_between


def _widths(columns, rows):
    return [max(len(cell) for cell in column) for column in zip(columns, *rows)]


def text(section):
    """For a terminal: names to the left, numbers to the right."""
    lines = [section.heading, "=" * len(section.heading)]
    for table in section.tables:
        rows = table.texts()
        widths = _widths(table.columns, rows)
        lines += ["", table.title]
        for row in [table.columns, ["-" * w for w in widths], *rows]:
            cells = [cell.ljust(w) if i == 0 else cell.rjust(w) for i, (cell, w) in enumerate(zip(row, widths))]
            lines.append("  " + "  ".join(cells).rstrip())
        lines += [f"  {note}" for note in table.notes]
    return "\n".join(lines) + "\n"


def markdown(section):
    """The same as the page in docs/ wants it, below a heading that is there."""
    lines = []
    for table in section.tables:
        lines += [f"**{table.title}**", "", "| " + " | ".join(table.columns) + " |",
                  "|---|" + "---:|" * (len(table.columns) - 1)]
        lines += ["| " + " | ".join(row) + " |" for row in table.texts()] + [""]
    lines += [f"![{plot.title}, {plot.unit}](plots/{plot.name}.svg)" for plot in section.plots]
    return "\n".join(lines) + "\n"


def update(pages, key, section, machine):
    """Puts a section's tables between its marks in the one page of the directory that has them, and its plots below the directory."""
    writer = f"scripts/bench --update {key}"
    seen_on = f"Seen on: {machine['cpu']}, {machine['cores']} cores, Linux {machine['kernel']}, load {machine['load_before']}."
    put_between(page_of(pages, writer), writer, f"{seen_on}\n\n{markdown(section)}")
    plots = pages / "plots"
    plots.mkdir(exist_ok=True)
    for one in section.plots:
        (plots / f"{one.name}.svg").write_text(plot.svg(one))


def write(sections, machine, directory, json_file):
    """The JSON file and one SVG file per plot; returns their paths."""
    directory.mkdir(parents=True, exist_ok=True)
    document = {"machine": machine, "sections": {}}
    written = [json_file]
    for key, section in sections.items():
        tables = [{"title": t.title, "columns": t.columns, "rows": t.rows, "notes": t.notes} for t in section.tables]
        document["sections"][key] = {"heading": section.heading, "tables": tables, "data": section.data}
        for one in section.plots:
            path = directory / f"{one.name}.svg"
            path.write_text(plot.svg(one))
            written.append(path)
    json_file.write_text(json.dumps(document, indent=1) + "\n")
    return written
