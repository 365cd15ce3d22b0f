"""What one part of the suite hands back: tables, plots, and the numbers behind them."""

import dataclasses


@dataclasses.dataclass
class Table:
    """Rows of cells: texts as they are, numbers by `formats` (one per column, e.g. "{:.2f}")."""
    title: str
    columns: list
    rows: list
    formats: list = dataclasses.field(default_factory=list)
    notes: list = dataclasses.field(default_factory=list)

    def texts(self):
        formats = self.formats or ["{}"] * len(self.columns)
        def shown(value, form):
            if value is None:
                return "–"
            return value if isinstance(value, str) else form.format(value)
        return [[shown(v, f) for v, f in zip(row, formats)] for row in self.rows]


@dataclasses.dataclass
class Plot:
    """Bars in groups: `series` maps a name to one value (or None) per group; with `log` on a logarithmic scale.
    With `lines` the groups are numbers on the x axis, and each series a line."""
    name: str
    title: str
    unit: str
    groups: list
    series: dict
    log: bool = False
    lines: bool = False


@dataclasses.dataclass
class Section:
    heading: str
    tables: list = dataclasses.field(default_factory=list)
    plots: list = dataclasses.field(default_factory=list)
    data: dict = dataclasses.field(default_factory=dict)  # for the JSON file
