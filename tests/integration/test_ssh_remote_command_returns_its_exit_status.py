"""`ssh host command` through cfpipe on a short-lived certificate."""

from support import world


def test_remote_command_returns_output_and_exit_status(ssh):
    finished = ssh.run('printf "%s here" "$(id -un)"; echo oops >&2; exit 7')
    assert finished.status == 7, finished
    assert finished.stdout == f"{world.USER} here"
    assert "oops" in finished.stderr


def test_remote_command_reads_standard_input_to_its_end(ssh):
    text = "a line\n" * 10_000
    assert ssh.run("cat", input=text.encode()).ok().stdout == text


def test_sshd_accepted_the_certificate_and_nothing_else(ssh, sshd):
    ssh.run("true").ok()
    assert "Accepted certificate ID" in sshd.log()
    assert "Accepted password" not in sshd.log()


def test_second_connection_needs_no_browser(ssh):
    ssh.run("true").ok()
    ssh.run("true").ok()
    assert ssh.client.browser_runs() == 1


def test_nothing_of_cfpipe_is_seen_when_all_is_well(ssh):
    ssh.run("true").ok()
    assert ssh.run("true").ok().stderr == ""


def test_batch_mode_needs_no_terminal(ssh):
    done = ssh.tool("setsid", "--wait", "ssh", "-o", "BatchMode=yes", ssh.host, "echo no prompt came; exit 4")
    assert (done.status, done.stdout) == (4, "no prompt came\n"), done
