"""The manual pages have every option and command of --help, or every configuration key, and no other, and the formatters find
nothing wrong."""

import re
import shutil
import subprocess
import sys

import pytest

from support import configuration_table, help as helps, limits

# They run every command's --help, hundreds of times, and its text is the same in every build.
pytestmark = pytest.mark.skipif(limits.SANITIZED, reason="sanitizers find nothing more in what --help prints")

PROGRAMS = sorted(helps.PROGRAMS)
GENERATE = limits.ROOT / "packaging/generate"
# What stands in the line of usage of a command that leaves all options to another program.
IN_USAGE = {"cfpipe": {"--allow-request"}, "cfpipe-edge": set(), "cfpipe-connector": set()}


@pytest.fixture(scope="module")
def pages(tmp_path_factory):
    directory = tmp_path_factory.mktemp("man")
    for name, program in helps.PROGRAMS.items():
        template = limits.ROOT / f"docs/man/{name}.1.in"
        subprocess.run([sys.executable, GENERATE, "man", program, template, directory / f"{name}.1"], check=True)
    template = limits.ROOT / "docs/man/cfpipe-edge.yaml.5.in"
    subprocess.run([sys.executable, GENERATE, "keys", helps.PROGRAMS["cfpipe-edge"], configuration_table.PAGE, template,
                    directory / "cfpipe-edge.yaml.5"], check=True)
    return directory


def shown(page):
    env = {"PATH": "/usr/bin:/bin", "MANWIDTH": "200", "LANG": "C.UTF-8", "HOME": "/nonexistent", "MAN_KEEP_FORMATTING": ""}
    done = subprocess.run(["man", "--warnings=w", "-P", "cat", "-l", page], capture_output=True, text=True, env=env)
    assert done.returncode == 0 and done.stderr == "", done
    return re.sub(r".\x08|\x1b\[[0-9;]*m", "", done.stdout)


@pytest.mark.parametrize("program", PROGRAMS)
def test_every_option_is_in_the_page_and_no_other(pages, program):
    if not shutil.which("man"):
        pytest.skip("there is no man here")
    text = shown(pages / f"{program}.1")
    spoken_of = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9-]*", text))
    tree = helps.tree(program)
    offered = {name for options, _ in tree.values() for name in options if name.startswith("--")}
    # What a command's own help has, the page has under the command.
    assert offered - spoken_of == set()
    assert spoken_of - offered - IN_USAGE[program] == set()
    for path in tree:
        if path and not tree[path][1]:
            assert re.search(rf"^ +{re.escape(' '.join(path))}(,|$)", text, re.MULTILINE), path


@pytest.mark.parametrize("program", PROGRAMS)
def test_help_says_of_every_value_what_it_is(program):
    for path in helps.tree(program):
        assert not re.search(r"\b(TEXT|INT|UINT|FLOAT)\b", helps.text_of(program, *path)), path


def test_every_configuration_key_is_in_its_page_and_no_other(pages):
    if not shutil.which("man"):
        pytest.skip("there is no man here")
    text = shown(pages / "cfpipe-edge.yaml.5")
    described = text[text.index("\nKEYS\n"):text.index("\nRULES\n")]
    assert re.findall(r"^ {7}([a-z]\S+) \(", described, re.MULTILINE) == configuration_table.keys()
    # Nothing of the page of docs/ is left that means nothing here.
    assert re.findall(r"`|\]\(|\.md|\*\w|\w\*|\(\)", described) == []


@pytest.mark.parametrize("page", [*(f"{program}.1" for program in PROGRAMS), "cfpipe-edge.yaml.5"])
def test_page_is_without_fault(pages, page):
    if not shutil.which("mandoc"):
        pytest.skip("there is no mandoc here")
    linted = subprocess.run(["mandoc", "-Tlint", "-W", "warning", pages / page], capture_output=True, text=True)
    assert (linted.returncode, linted.stdout) == (0, ""), linted.stdout


def test_every_variable_that_is_read_is_in_a_page(pages):
    """Those that are looked up by name in the source of the client."""
    read = set()
    for folder in ("cli", "auth", "transport", "base"):
        for path in (limits.ROOT / folder).rglob("*.cc"):
            read |= set(re.findall(r'(?:getenv|environment|fill\([^;"]*)\(?"([A-Z][A-Z_]+)"', path.read_text()))
    assert {"TUNNEL_SERVICE_HOSTNAME", "CFPIPE_HOME"} <= read
    page = (pages / "cfpipe.1").read_text()
    assert [name for name in sorted(read - {"HOME"}) if name not in page] == []
