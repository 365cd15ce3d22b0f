"""Lines that a person gets to see, kept as text: what varies between two runs is replaced by what it is."""

import pathlib
import re

DIRECTORY = pathlib.Path(__file__).resolve().parents[1] / "golden"
LOGIN_NOTICE = re.compile(r"^cfpipe: login: [^\n]*:\nhttps://\S+\n", re.MULTILINE)


def table(name):
    """Rows `NAME STATUS LINE` as {name: (status, line)}."""
    rows = {}
    for number, row in enumerate((DIRECTORY / name).read_text().splitlines(), 1):
        if not row or row.startswith("#"):
            continue
        key, status, line = row.split(None, 2)
        assert key not in rows, f"{name}:{number}: {key} is there twice"
        rows[key] = (int(status), line)
    return rows


def normalised(text, world, *ports):
    """`text` without what differs from run to run."""
    text = text.replace(str(world.directory), "DIR")
    for port in ports:
        text = re.sub(rf"\b{port}\b", "PORT", text)
    text = re.sub(r"\btest CA [0-9]+", "test CA SINCE", text)
    text = re.sub(r"\bray [0-9a-f]{16}(-TST)?", "ray RAY", text)
    return re.sub(r"\b[0-9a-f]{64}\b", "AUD", text)


def without_login_notice(text):
    """What is left after a login was asked for, as it was."""
    return LOGIN_NOTICE.sub("", text)
