"""Folders stay small and modules do not include each other in circles; scripts/rooms says where they do."""

import subprocess

import pytest

from support import limits

ROOMS = limits.ROOT / "scripts/rooms"


def look(tree):
    return subprocess.run([ROOMS, tree], capture_output=True, text=True, timeout=60)


def write(tree, files):
    for name, text in files.items():
        path = tree / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


def test_this_code_does():
    found = look(limits.ROOT)
    assert (found.returncode, found.stdout, found.stderr) == (0, "", "")


@pytest.mark.parametrize(
    "files, faults",
    [
        ({"base/a.h": '#include "base/b.h"\n', "base/b.cc": '#include "base/a.h"\n', "base/b.h": ""}, "cycle: base/a base/b\n"),
        # Through a third one, and between folders.
        (
            {
                "base/a.h": '#include "auth/ssh/b.h"\n',
                "auth/ssh/b.h": "",
                "auth/ssh/b.cc": '#include "auth/ssh/b.h"\n#include "tunnel/c.h"\n',
                "tunnel/c.h": '#include "base/a.h"\n',
                "tunnel/d.cc": '#include "tunnel/c.h"\n',
            },
            "cycle: auth/ssh/b base/a tunnel/c\n",
        ),
        # What several source files of one module share is of that module, and counts for it.
        ({"base/a.h": "", "base/a_internal.h": '#include "base/a.h"\n', "base/a.cc": '#include "base/a_internal.h"\n'}, ""),
        (
            {"base/a.h": '#include "base/b.h"\n', "base/b.h": "", "base/b_internal.h": '#include "base/a.h"\n'},
            "cycle: base/a base/b\n",
        ),
        ({f"edge/http/{number}.cc": "" for number in range(20)}, ""),
        (
            {f"edge/http/{number}.cc": "" for number in range(21)},
            "full: edge/http has 21 source files, 20 are the most\n",
        ),
        ({f"fuzz/{number}.cc": "" for number in range(21)}, "full: fuzz has 21 source files, 20 are the most\n"),
        # What spdlog takes to compile is paid once, behind one header.
        ({"base/log.h": "#include <spdlog/spdlog.h>\n"}, ""),
        (
            {"service/logging.cc": "#include <spdlog/spdlog.h>\n", "tests/edge/log.cc": "#include <spdlog/sinks/null_sink.h>\n"},
            "log: service/logging.cc includes <spdlog/spdlog.h>, base/log.h does so for all\n",
        ),
        # A folder is not full because those in it are.
        ({f"edge/{room}/{number}.cc": "" for room in ("ca", "http") for number in range(20)}, ""),
    ],
)
def test_others_are_told_what_is_wrong(tmp_path, files, faults):
    write(tmp_path, files)
    found = look(tmp_path)
    assert (found.returncode, found.stdout, found.stderr) == (1 if faults else 0, faults, "")
