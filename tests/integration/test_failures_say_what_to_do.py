"""Each cause is provoked for real; the whole line and the exit status are those of golden/failures.txt.

A case is a function that gets a Stage (below) and returns what has finished. Its name, with dashes, is that of its row.
Cases that need nothing of an edge but that it works run with both, and must say the same of both.
"""

import signal
import socket
import threading

import pytest

from support import edges, golden, limits
from support.clients import Client
from support.origin import Origin, source
from support.world import Finished

ROWS = golden.table("failures.txt")
CASES = {}
CUT_AFTER_BYTES = 100_000


def case(*kinds, **parameters):
    """Registers a case; `parameters` maps suffixes of its name to an argument each."""
    def register(function):
        name = function.__name__.replace("_", "-")
        for suffix, argument in (parameters or {"": None}).items():
            full = name + suffix.replace("_", "-")
            call = function if argument is None else lambda stage, a=argument: function(stage, a)
            for kind in kinds or ("none",):
                CASES[f"{full}@{kind}"] = (full, kind, call)
        return function
    return register


both = case("own", "mock")
mock = case("mock")
alone = case()


class Stage:
    """What a case plays on; servers that it starts are closed at the end."""

    def __init__(self, world, kind):
        self.world, self.kind = world, kind
        self.ports = []

    def edge(self, *faults, origin=None):
        origin = origin or self.world.closing(Origin(lambda connection, events: connection.recv(1))).address
        edge = edges.Edge(self.world, self.kind if self.kind != "none" else "mock", origin, faults=faults)
        self.ports.append(edge.port)
        return edge

    def client(self, *faults, login=True, origin=None):
        client = Client(self.world, self.edge(*faults, origin=origin))
        if login:
            client.login()
        return client

    def stranger(self):
        """A client that trusts the system's authorities and has no edge."""
        class Nowhere:
            ca_file = "/etc/ssl/certs/ca-certificates.crt"
            hosts = (edges.HOST,)
            auth_host = edges.AUTH_HOST
        return Client(self.world, Nowhere)

    def port(self, serve=None, backlog=8):
        """A port of loopback where `serve(connection)` answers, or no process ever accepts."""
        listener = socket.create_server(("127.0.0.1", 0), backlog=backlog)
        self.world.closing(listener)
        port = listener.getsockname()[1]
        self.ports.append(port)
        if serve:
            def accept():
                try:
                    while True:
                        connection, _ = listener.accept()
                        with connection:
                            serve(connection)
                except OSError:
                    pass
            threading.Thread(target=accept, daemon=True).start()
        return port



def ssh(client, host, *more, **options):
    return client.run("access", "ssh", "--hostname", host, *more, **options)


# input, config, state, listen


@case(_two_dots="vm..localhost", _user="user@vm.localhost", _port="vm.localhost:70000", _scheme="ftp://vm.localhost",
      _wildcard="*.example.com", _control="vm\nlocalhost")
def bad_hostname(stage, name):
    return ssh(stage.stranger(), name)


@case(_no_colon="nonsense", _handshake="Upgrade: h2c", _control="X-A: b\x01")
def bad_header(stage, header):
    return ssh(stage.stranger(), "vm.localhost", "--header", header)


@case(_unknown=["--no-such-option"], _url=["--url", "nonsense"], _half_a_service_token=["--service-token-id", "x"],
      _transport=["--transport", "h9"], _ping=["--ping-interval", "0"])
def bad_option(stage, more):
    return ssh(stage.stranger(), "vm.localhost", *more)


@alone
def unknown_command(stage):
    return stage.stranger().run("access", "no-such-command")


@alone
def ca_file_missing(stage):
    return ssh(stage.stranger(), "vm.localhost", "--ca-file", stage.world.path("nowhere.pem"))


@alone
def ca_file_of_something_else(stage):
    path = stage.world.path("ca.pem")
    path.write_text("no certificates\n")
    return ssh(stage.stranger(), f"vm.localhost:{stage.port()}", "--ca-file", path)


@alone
def log_file_not_writable(stage):
    stage.world.path("file").touch()
    return ssh(stage.stranger(), "vm.localhost", "--log-file", stage.world.path("file", "log"))


@alone
def state_is_a_file(stage):
    path = stage.world.path("not-a-directory")
    path.write_text("")
    return ssh(stage.stranger(), "vm.localhost", CFPIPE_HOME=str(path))


@both
def token_that_others_may_write(stage):
    client = stage.client()
    client.token_file().chmod(0o666)
    return client.tunnel()


@both
def listen_where_another_program_does(stage):
    return stage.client().tunnel("--url", f"127.0.0.1:{stage.port()}")


# dns, tcp, tls


@alone
def proxy_variable_not_understood(stage):
    return ssh(stage.stranger(), "no-such-host.invalid", ALL_PROXY="socks4://127.0.0.1:1080/")


@alone
def name_unknown(stage):
    return ssh(stage.stranger(), "no-such-host.invalid")


@alone
def connection_refused(stage):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        stage.ports.append(taken.getsockname()[1])
        return ssh(stage.stranger(), f"vm.localhost:{taken.getsockname()[1]}")


@alone
def no_way(stage):
    """Linux has no way to the broadcast address for TCP, whatever its routes."""
    return ssh(stage.stranger(), "255.255.255.255")


@alone
def no_answer_to_a_connect(stage):
    """A queue that is full drops further SYNs."""
    port = stage.port(backlog=0)
    for _ in range(3):
        waiting = stage.world.closing(socket.socket())
        waiting.setblocking(False)
        waiting.connect_ex(("127.0.0.1", port))
    return ssh(stage.stranger(), f"127.0.0.1:{port}")


@alone
def no_answer_to_a_handshake(stage):
    return ssh(stage.stranger(), f"127.0.0.1:{stage.port()}")


@alone
def no_tls(stage):
    port = stage.port(lambda connection: connection.sendall(b"220 mail.example.com ESMTP\r\n"))
    return ssh(stage.stranger(), f"127.0.0.1:{port}")


@alone
def handshake_cut_short(stage):
    port = stage.port(lambda connection: connection.recv(1))
    return ssh(stage.stranger(), f"127.0.0.1:{port}")


@both
def unknown_issuer(stage):
    return stage.client(login=False).tunnel(SSL_CERT_FILE="/etc/ssl/certs/ca-certificates.crt")


@both
def certificate_for_another_name(stage):
    client = stage.client(login=False)
    return ssh(client, f"127.0.0.1:{client.edge.port}")


@mock
def certificate_that_has_expired(stage):
    return stage.client("cert-expired", login=False).tunnel()


# http, application


@case("mock", _garbage="garbage-answer", _endless_header="huge-header", _none="hang-up")
def answer(stage, fault):
    return stage.client(fault, login=False).tunnel()


@case("mock", _none="not-access", _signature="meta-bad-signature", _algorithm="meta-alg-none", _host="meta-wrong-host",
      _age="meta-old", _auth_domain="meta-foreign-auth-domain=evil.example.com", _keys="keys-redirect")
def metadata(stage, fault):
    return stage.client(fault, login=False).tunnel()


@case("own", "mock")
def auth_domain_not_trusted(stage):
    client = stage.client(login=False)
    (client.home / "trusted-auth-domains").unlink()
    return client.tunnel()


# login, token, certificate


@case("mock", _500="transfer-500", _garbage="transfer-garbage", _wrong_key="transfer-wrong-key")
def transfer(stage, fault):
    client = stage.client(fault, login=False)
    return client.run("access", "login", client.edge.url())


@both
def login_interrupted(stage):
    client = stage.client(login=False)
    child = client.start("access", "login", "--no-browser", client.edge.url())
    child.stderr.wait_for(r"^https://\S+$")
    status = child.stop(signal.SIGINT)
    child.process.stdin.close()
    with child.process.stdout as output:
        return Finished(child.argv, status, output.read(), child.stderr.text.encode())


@both
def no_token(stage):
    client = stage.client(login=False)
    return client.run("access", "token", client.edge.url())


@mock
def token_rejected_for_ever(stage):
    return stage.client("reject-token=1000").tunnel()


@both
def unknown_service_token(stage):
    return stage.client(login=False).tunnel("--id", "absent.access", "--secret", "0123")


@both
def unknown_service_token_for_a_certificate(stage):
    client = stage.client(login=False)
    return client.run("access", "ssh-gen", "--hostname", client.edge.host(), "--id", "absent.access", "--secret", "0123")


@case("mock", _403="sign-status=403", _404="sign-status=404", _500="sign-status=500", _garbage="sign-garbage",
      _wrong_key="sign-wrong-key")
def certificate(stage, fault):
    return stage.client(fault).ssh_gen()


# upgrade


@case("mock", **{f"_{status}": status for status in (200, 301, 401, 403, 404, 429, 500, 502, 503, 504, 530)})
def upgrade(stage, status):
    return stage.client(f"upgrade-status={status}").tunnel()


@case("mock", _accept="bad-accept", _garbage="garbage-answer=upgrade", _endless_header="huge-header=upgrade",
      _no_answer="upgrade-hang", _hung_up="hang-up=upgrade")
def upgrade_with(stage, fault):
    return stage.client(fault).tunnel()


@both
def destination_refused(stage):
    faults = ["upgrade-status=403"] if stage.kind == "mock" else []
    return stage.client(*faults).tunnel("--destination", "db.internal:5432")


@both
def origin_down(stage):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return stage.client(origin=f"127.0.0.1:{taken.getsockname()[1]}").tunnel()


# tunnel


def endless(stage):
    return stage.world.closing(Origin(source(limits.TRANSFER_BYTES))).address


def stderr_of(child):
    """What a tunnel that ends by itself says, its standard input open to the end."""
    child.process.stdout.read()
    status = child.wait()
    child.process.stdin.close()
    child.process.stdout.close()
    return Finished(child.argv, status, b"", child.stderr.text.encode())


@case("mock", _reset=f"cut-after={CUT_AFTER_BYTES}", _end=f"fin-after={CUT_AFTER_BYTES}", _close_1001="ws-close=1001",
      _close_1011="ws-close=1011", _close_1012="ws-close=1012", _close_4000="ws-close=4000", _masked="masked-frame", _reserved="reserved-bits", _endless="endless-frame")
def tunnel(stage, fault):
    client = stage.client(fault, origin=endless(stage))
    return stderr_of(client.start("access", "ssh", "--hostname", client.edge.host()))


@both
def edge_killed(stage):
    client = stage.client(origin=endless(stage))
    child = client.start("access", "ssh", "--no-resume", "--hostname", client.edge.host())
    child.process.stdout.read(1)
    client.edge.child.kill()
    return stderr_of(child)


@case("own")
def edge_gone(stage):
    client = stage.client(origin=endless(stage))
    child = client.start("access", "ssh", "--hostname", client.edge.host())
    child.process.stdout.read(1)
    client.edge.child.kill()
    return stderr_of(child)


@both
def output_that_fails(stage):
    client = stage.client(origin=endless(stage))
    with open("/dev/full", "wb") as full:
        child = client.start("access", "ssh", "--hostname", client.edge.host(), stdout=full)
        status = child.wait()
        child.process.stdin.close()
    return Finished(child.argv, status, b"", child.stderr.text.encode())


@pytest.mark.parametrize("name", CASES)
def test_the_line_is_the_golden_one(world, name):
    row, kind, play = CASES[name]
    stage = Stage(world, kind)
    finished = play(stage)
    assert finished.output == b"", finished
    said = golden.normalised(golden.without_login_notice(finished.stderr), world, *stage.ports)
    status, line = ROWS.get(name) or ROWS[row]
    assert (finished.status, said) == (status, line + "\n"), finished


def test_no_row_is_left_without_a_case():
    used = {name if name in ROWS else row for name, (row, _, _) in CASES.items()}
    assert used == set(ROWS)


def test_at_least_thirty_causes_are_told_apart():
    whats = {line.split("; ")[0].split(": ")[2].split(" (")[0] for _, line in ROWS.values()}
    assert len(whats) >= 30, sorted(whats)
