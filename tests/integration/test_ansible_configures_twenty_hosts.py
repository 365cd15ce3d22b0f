"""ansible over ssh through cfpipe: twenty hosts at once, with pipelining and the ControlMaster that it likes."""

import json
import re

import pytest

from support import limits
from support.clients import Client, Ssh
from support.edges import Edge
from support.process import wait_until
from support.world import USER

HOSTS = [f"vm{number:02}.fleet.localhost" for number in range(1, 21)]
CONNECT_SECONDS = 60  # ansible's own patience is 10 s, which twenty starts on a busy machine may take
PLAY_DEADLINE = 3 * limits.COMMAND_DEADLINE  # seconds


@pytest.fixture
def fleet(world, kind, sshd):
    """Twenty applications, all of them the one sshd, and one block of ssh_config for all; and no login yet."""
    edge = Edge(world, kind, sshd.address, hosts=HOSTS)
    sshd.trust("".join({edge.ssh_ca(host) for host in HOSTS}))
    client = Client(world, edge)
    text = client.run("access", "ssh-config", "--hostname", edge.host("*.fleet.localhost"), "--short-lived-cert").ok().stdout
    return Ssh(client, text=text)


@pytest.fixture
def ansible(fleet):
    """Runs tasks on all hosts."""
    def run(*tasks):
        inventory, playbook = fleet.world.path("inventory"), fleet.world.path("playbook.yaml")
        inventory.write_text("\n".join(HOSTS) + "\n")
        playbook.write_text(json.dumps([{"hosts": "all", "gather_facts": False, "tasks": tasks}]))  # JSON is YAML
        return fleet.tool("ansible-playbook", "-i", inventory, playbook, deadline=PLAY_DEADLINE,
                          ANSIBLE_PIPELINING="1", ANSIBLE_FORKS=str(len(HOSTS)), ANSIBLE_TIMEOUT=str(CONNECT_SECONDS),
                          ANSIBLE_REMOTE_TEMP=str(fleet.world.path("tmp")), ANSIBLE_NOCOLOR="1", ANSIBLE_NOCOWS="1",
                          ANSIBLE_PYTHON_INTERPRETER="/usr/bin/python3", ANSIBLE_RETRIES="0")
    yield run
    for control in (fleet.world.path("user") / ".ansible/cp").iterdir():
        fleet.tool("ssh", "-S", control, "-O", "exit", "any").ok()
        wait_until(lambda: not control.exists(), "the shared connection has ended")


def test_twenty_hosts_are_configured_at_once(fleet, ansible, sshd):
    written = fleet.world.path("written")
    written.mkdir()
    done = ansible(
        {"command": {"cmd": f"tee {written}/{{{{ inventory_hostname }}}}", "stdin": "{{ inventory_hostname }} as " + USER}},
        {"copy": {"content": "{{ inventory_hostname }}\n", "dest": f"{written}/copied"}, "run_once": True},
        {"command": {"cmd": "sh -c 'exit 3'"}},
    )
    assert done.status == 2, done  # that of the last task
    results = re.findall(r"^(\S+) +: ok=(\d) +changed=(\d) +unreachable=0 +failed=1", done.stdout, re.MULTILINE)
    assert sorted(results) == [(host, *("22" if host == HOSTS[0] else "11")) for host in HOSTS], done
    assert len(re.findall(r"^fatal: .*\"rc\": 3", done.stdout, re.MULTILINE)) == len(HOSTS), done
    for host in HOSTS:
        assert (written / host).read_text().strip() == f"{host} as {USER}"
    assert (written / "copied").read_text() == f"{HOSTS[0]}\n"
    # One connection for each host; twenty starts at once without a token, and one login for all.
    assert sshd.log().count("Accepted publickey for") == len(HOSTS)
    assert fleet.client.browser_runs() == 1
