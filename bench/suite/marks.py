"""Figures inside a document that people write."""


def put_between(document, writer, text):
    """Puts `text` where the document says that `writer` writes: from that line to the next that says "to here"."""
    begin, end = f"<!-- {writer} writes from here -->\n", "<!-- to here -->"
    before, found, rest = document.read_text().partition(begin)
    _, closed, after = rest.partition(end)
    if not found or not closed:
        raise SystemExit(f"{writer}: {document} has no line {begin.strip()!r} with {end!r} below it")
    document.write_text(f"{before}{begin}{text}{end}{after}")
