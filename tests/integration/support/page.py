"""The documentation as something to do: what one of its sections says to run, and the files that it shows."""

import re

from support import limits

BLOCK = re.compile(r"^ *```(\w*)\n(.*?)^ *```$", re.MULTILINE | re.DOTALL)


def all_pages():
    """README and every page of docs/, as paths below the repository."""
    return ["README.md", *sorted(str(page.relative_to(limits.ROOT)) for page in (limits.ROOT / "docs").glob("*.md"))]


class Section:
    """The part of a page below `## TITLE`."""

    def __init__(self, page, title):
        text = (limits.ROOT / page).read_text()
        found = re.search(rf"^## {re.escape(title)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
        assert found, (page, title)
        self._blocks = BLOCK.findall(found.group(1))
        self._prose = BLOCK.sub("", found.group(1))

    def only(self, language):
        """The one block in that language."""
        found = [text for kind, text in self._blocks if kind == language]
        assert len(found) == 1, found
        return found[0]

    def blocks(self, language, stripped=True):
        """The lines of each block in that language, whose continued lines are one."""
        found = [re.sub(r"\\\n *", "", text) for kind, text in self._blocks if kind == language]
        return [[line.strip() if stripped else line for line in text.splitlines()] for text in found]

    def in_lines(self, *words):
        """The code between the blocks that has all of these words."""
        return [code for code in re.findall(r"`([^`]+)`", self._prose) if all(word in code for word in words)]

    def lines(self):
        """What is to be run, in order: (where, line). The comment a block begins with says where."""
        for language, text in self._blocks:
            if language != "sh":
                continue
            first, *lines = re.sub(r"\\\n *", "", text).splitlines()
            assert first.startswith("# "), f"a block does not say where it is run: {text}"
            yield from ((first[2:], line) for line in lines if line)


def command_lines(page, program):
    """Every line of the page's `sh` blocks that runs the program, without its comment, in order."""
    text = (limits.ROOT / page).read_text()
    lines = []
    for language, block in BLOCK.findall(text):
        for line in re.sub(r"\\\n *", "", block).splitlines() if language == "sh" else ():
            line = line.split("  #")[0].strip()
            if re.search(rf"(^|[|;&] *|-- ){re.escape(program)} ", line):
                lines.append(line)
    return lines
