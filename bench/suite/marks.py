"""Figures inside a document that people write."""


def _begin(writer):
    return f"<!-- {writer} writes from here -->\n"


def page_of(directory, writer):
    """The one page of a directory where it says that `writer` writes."""
    found = [page for page in sorted(directory.glob("*.md")) if _begin(writer) in page.read_text()]
    if len(found) != 1:
        raise SystemExit(f"{writer}: {len(found)} pages of {directory} have a line {_begin(writer).strip()!r}, instead of one")
    return found[0]


def put_between(document, writer, text):
    """Puts `text` where the document says that `writer` writes: from that line to the next that says "to here"."""
    begin, end = _begin(writer), "<!-- to here -->"
    before, found, rest = document.read_text().partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise SystemExit(f"{writer}: {document} has no line {begin.strip()!r} with {end!r} below it")
    document.write_text(f"{before}{begin}{text}{end}{after}")
