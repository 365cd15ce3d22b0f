"""README and docs/: every relative link leads to a file, and its anchor to a heading of it; pages are short, and in the index."""

import re

import pytest

from support import limits
from support.page import all_pages

FENCED = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
MOST_LINES, MOST_LINES_OF_README = 250, 150


def prose(page):
    """The page without its blocks of code, and without code in lines."""
    text = FENCED.sub("", (limits.ROOT / page).read_text())
    return re.sub(r"`[^`\n]*`", lambda code: re.sub(r"[\[\]()#]", "", code.group()), text)


def anchors(page):
    """As GitHub makes them: in lower case, without punctuation, blanks as hyphens; a second one of a name has -1 behind it."""
    text, made = prose(page), []
    for heading in re.findall(r"^#+ (.*)$", text, re.MULTILINE):
        name = re.sub(r"[^\w\- ]", "", LINK.sub("]", heading).lower().strip()).replace(" ", "-")
        made.append(name if name not in made else f"{name}-{made.count(name)}")
    return {*made, *re.findall(r'<a id="([^"]+)">', text)}


@pytest.mark.parametrize("page", all_pages())
def test_every_relative_link_leads_somewhere(page):
    links = [link for link in LINK.findall(prose(page)) if not re.match(r"[a-z]+:", link)]
    astray = []
    for link in links:
        path, _, anchor = link.partition("#")
        target = ((limits.ROOT / page).parent / path).resolve() if path else limits.ROOT / page
        if not target.is_relative_to(limits.ROOT) or not target.exists():
            astray.append(link)
        elif anchor and anchor not in anchors(target.relative_to(limits.ROOT)):
            astray.append(link)
    assert astray == []


@pytest.mark.parametrize("page", all_pages())
def test_no_page_is_longer_than_its_bound(page):
    bound = MOST_LINES_OF_README if page == "README.md" else MOST_LINES
    assert len((limits.ROOT / page).read_text().splitlines()) <= bound


def test_every_page_is_in_the_index_once():
    listed = re.findall(r"^\|.*\| \[.*\]\((.*)\) \|$", (limits.ROOT / "docs/README.md").read_text(), re.MULTILINE)
    assert sorted(f"docs/{page}" for page in listed) == sorted(set(all_pages()) - {"README.md", "docs/README.md"})
