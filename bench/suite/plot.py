"""Plots as SVG, by hand: grouped bars or lines, one value axis, a legend."""

import math
from xml.sax.saxutils import escape

WIDTH, HEIGHT = 760, 360
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 56, 48
COLOURS = ["#4269d0", "#efb118", "#ff725c", "#6cc5b0", "#3ca951", "#a463f2", "#97bbf5", "#9c6b4e", "#9498a0"]


def _nice_step(span):
    """1, 2 or 5 times a power of ten, so that the axis has four to ten ticks."""
    rough = span / 5
    power = 10 ** math.floor(math.log10(rough))
    return next(power * m for m in (1, 2, 5, 10) if power * m >= rough)


class _Axis:
    """From values to heights."""

    def __init__(self, values, log):
        self.log = log
        top = max(values, default=1) or 1
        if log:
            low = min((v for v in values if v > 0), default=1)
            self.low, self.high = 10 ** math.floor(math.log10(low)), 10 ** math.ceil(math.log10(top * 1.001))
            decades = round(math.log10(self.high / self.low))
            self.ticks = [self.low * 10**i for i in range(decades + 1)]
        else:
            step = _nice_step(top)
            self.low, self.high = 0, step * math.ceil(top / step)
            self.ticks = [step * i for i in range(round(self.high / step) + 1)]

    def y(self, value):
        if self.log:
            part = math.log(max(value, self.low) / self.low) / math.log(self.high / self.low)
        else:
            part = value / self.high
        return HEIGHT - BOTTOM - part * (HEIGHT - TOP - BOTTOM)


def _text(x, y, what, anchor="middle", size=12, more=""):
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" font-size="{size}" {more}>{escape(str(what))}</text>'


def _frame(plot, axis):
    out = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif">',
           f'<rect width="{WIDTH}" height="{HEIGHT}" fill="#fff"/>',
           _text(LEFT, 20, f"{plot.title} ({plot.unit})", "start", 15, 'font-weight="bold"')]
    for tick in axis.ticks:
        y = axis.y(tick)
        out.append(f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>')
        out.append(_text(LEFT - 6, y + 4, f"{tick:g}", "end", 11))
    x = LEFT
    for colour, name in zip(COLOURS, plot.series):
        out.append(f'<rect x="{x:.1f}" y="32" width="10" height="10" fill="{colour}"/>')
        out.append(_text(x + 14, 41, name, "start", 11))
        x += 26 + 6.2 * len(name)
    return out


def _bars(plot, axis):
    out = []
    room = (WIDTH - LEFT - RIGHT) / len(plot.groups)
    bar = room * 0.84 / len(plot.series)
    for i, group in enumerate(plot.groups):
        left = LEFT + room * (i + 0.08)
        for j, values in enumerate(plot.series.values()):
            if values[i] is None:
                continue
            y = axis.y(values[i])
            x = left + bar * j
            out.append(f'<rect x="{x:.1f}" y="{y:.1f}" width="{bar * 0.9:.1f}" height="{HEIGHT - BOTTOM - y:.1f}" '
                       f'fill="{COLOURS[j % len(COLOURS)]}"><title>{values[i]:.4g}</title></rect>')
        out.append(_text(LEFT + room * (i + 0.5), HEIGHT - BOTTOM + 18, group))
    return out


def _lines(plot, axis):
    """The groups are numbers, evenly spaced on the axis: they are powers of ten or measured steps."""
    out = []
    step = (WIDTH - LEFT - RIGHT) / len(plot.groups)
    at = [LEFT + step * (i + 0.5) for i in range(len(plot.groups))]
    for x, group in zip(at, plot.groups):
        out.append(_text(x, HEIGHT - BOTTOM + 18, group))
    for colour, values in zip(COLOURS, plot.series.values()):
        points = [(x, axis.y(v)) for x, v in zip(at, values) if v is not None]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y in points)
        out.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        out += [f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>' for x, y in points]
    return out


def svg(plot):
    values = [v for series in plot.series.values() for v in series if v is not None]
    axis = _Axis(values, plot.log)
    parts = _frame(plot, axis) + (_lines if plot.lines else _bars)(plot, axis)
    return "\n".join(parts + ["</svg>"]) + "\n"
