"""A QR code on a screen, read by a program that this project did not write."""

import re
import shutil

PIXELS = 4  # a module's edge
DARK, LIGHT = 0, 255
# What a character draws in the foreground: its upper half, its lower half.
BLOCKS = {" ": (False, False), "▄": (False, True), "▀": (True, False), "█": (True, True)}
COLOURS = {"30": DARK, "40": DARK, "47": LIGHT}


def _modules(line, plain):
    """The two rows of modules of one line; of the same height where it is drawn in ASCII, as two columns each."""
    foreground, background = (LIGHT, DARK) if plain else (None, None)
    upper, lower = [], []
    for code, character in re.findall(r"\x1b\[([0-9;]*)m|(.)", line):
        for part in code.split(";") if code else ():
            if part == "30":
                foreground = COLOURS[part]
            elif part in COLOURS:
                background = COLOURS[part]
        if character == "#":
            upper.append(foreground), lower.append(foreground)
        elif character:
            top, bottom = BLOCKS[character]
            upper.append(foreground if top else background)
            lower.append(foreground if bottom else background)
    return upper, lower


def _rows(lines, ascii_only, plain):
    for line in lines:
        upper, lower = _modules(line, plain)
        if ascii_only:
            yield upper[::2]
        else:
            yield upper
            yield lower


def lines_of(screen):
    """The lines that could be of a code."""
    drawn = re.compile(r"(?:\x1b\[[0-9;]*m|[ #▄▀█])+")
    lines = [line.rstrip("\r") for line in screen.split("\n")]
    return [line for line in lines if line.strip() and drawn.fullmatch(line)]


def read(world, screen, ascii_only=False, plain=False):
    """What the code on the screen says."""
    rows = list(_rows(lines_of(screen), ascii_only, plain))
    assert rows and len({len(row) for row in rows}) == 1, screen
    assert all(module in (DARK, LIGHT) for row in rows for module in row), "every module has a colour of its own"
    image = world.path("qr.pgm")
    width, height = len(rows[0]) * PIXELS, len(rows) * PIXELS
    pixels = b"".join(bytes(module for module in row for _ in range(PIXELS)) * PIXELS for row in rows)
    image.write_bytes(b"P5 %d %d 255\n" % (width, height) + pixels)
    shown = world.run([shutil.which("ZXingReader"), "-format", "QRCode", image]).ok().stdout
    return re.search(r'^Text:\s+"?(\S+?)"?$', shown, re.MULTILINE).group(1)
