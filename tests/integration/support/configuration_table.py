"""The table of the edge's configuration keys in docs/CONFIGURATION.md."""

import re

from support import limits

PAGE = limits.ROOT / "docs/CONFIGURATION.md"
# A list whose entries have the keys of that mapping.
SAME_KEYS = {"identity_providers[]": "identity_provider"}


def keys():
    """Every key, in the order of the page: `applications[].policies[].name`."""
    return re.findall(r"^\| `([^`]+)` \|", PAGE.read_text(), re.MULTILINE)


def mappings():
    """{path of a mapping: names of its keys}; "" is the whole configuration."""
    found = {}
    for key in keys():
        path = ""
        for step in key.split("."):
            found.setdefault(path, set()).add(step.removesuffix("[]"))
            path = f"{path}.{step}" if path else step
    for path, other in SAME_KEYS.items():
        found[path] = found[other]
    return found
