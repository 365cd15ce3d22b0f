"""An SSH server of another make (paramiko), for logins that an sshd of an ordinary test cannot be set up for."""

import socket
import threading
import time

import paramiko

# What a slow server takes between the end of the output and its status, in seconds.
STATUS_AFTER = 0.5
# What one sends that keeps to no window.
FLOOD_BYTES = 8 * 1024 * 1024


class _Rules(paramiko.ServerInterface):
    def __init__(self, server):
        self._server = server

    def get_allowed_auths(self, username):
        return ",".join(self._server.methods)

    def check_auth_password(self, username, password):
        self._server.tried.append((username, password))
        right = "password" in self._server.methods and password == self._server.password
        return paramiko.AUTH_SUCCESSFUL if right else paramiko.AUTH_FAILED

    def check_auth_publickey(self, username, key):
        right = self._server.key and key.get_base64() == self._server.key
        return paramiko.AUTH_SUCCESSFUL if right else paramiko.AUTH_FAILED

    def check_auth_interactive(self, username, submethods):
        return paramiko.InteractiveQuery("Login", "", *self._server.questions) if self._server.questions else paramiko.AUTH_FAILED

    def check_auth_interactive_response(self, responses):
        self._server.tried.append(tuple(responses))
        return paramiko.AUTH_SUCCESSFUL if responses == self._server.answers else paramiko.AUTH_FAILED

    def check_channel_request(self, kind, chanid):
        return paramiko.OPEN_SUCCEEDED

    def check_channel_pty_request(self, channel, term, width, height, *_):
        return True

    def check_channel_shell_request(self, channel):
        threading.Thread(target=self._shell, args=(channel,), daemon=True).start()
        return True

    def check_channel_subsystem_request(self, channel, name):
        return True  # and says nothing

    def check_channel_window_change_request(self, channel, *_):
        return True

    def _shell(self, channel):
        """Says back what it is told, until it is told to end; how it ended it says when it likes."""
        channel.sendall(b"welcome\r\n")
        line = b""
        while data := channel.recv(1024):
            channel.sendall(data)
            line += data
            if b"flood" in line:
                channel.out_window_size = FLOOD_BYTES  # more than the client has given
                try:
                    channel.sendall(bytes(FLOOD_BYTES))
                    self._server.flooded.set()
                except (OSError, EOFError):
                    return  # the client has had enough
            if b"bye" in line or b"later" in line:
                break
        channel.shutdown_write()
        if b"later" in line:
            time.sleep(STATUS_AFTER)
        channel.send_exit_status(5)
        channel.close()


class SshServer:
    """`methods`: those it says it takes. `password`, `key` (base64), `questions` [(text, echo)] with `answers`: what lets in."""

    def __init__(self, world, methods, password=None, key=None, questions=(), answers=()):
        self.methods, self.password, self.key = list(methods), password, key
        self.questions, self.answers, self.tried = list(questions), list(answers), []
        self.flooded = threading.Event()  # the client has taken all that it had given no window for
        self._host_key = paramiko.ECDSAKey.generate()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.address = f"127.0.0.1:{self._listener.getsockname()[1]}"
        self._transports = []
        self._thread = threading.Thread(target=self._serve, daemon=True)
        self._thread.start()
        world.closing(self)

    def _serve(self):
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return  # it has been closed
            transport = paramiko.Transport(connection)
            transport.add_server_key(self._host_key)
            self._transports.append(transport)
            try:
                transport.start_server(event=threading.Event(), server=_Rules(self))
            except (paramiko.SSHException, EOFError):
                pass  # the client has gone

    def close(self):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self._thread.join()
        for transport in self._transports:
            transport.close()
