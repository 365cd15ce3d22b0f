"""An auth domain that answers whatever a test wants it to: what a hostile or broken edge could say."""

import base64
import http.server
import json
import ssl
import threading
import time

from support import tokens, world as worlds

HOST = "auth.localhost"


class ScriptedEdge:
    """`answer`: (status, headers, body) of every request; `asked`: (path, headers) of each, in order."""

    def __init__(self, world, answer):
        self.answer, self.asked = answer, []
        edge = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                edge.asked.append((self.path, dict(self.headers)))
                status, headers, body = edge.answer
                self.send_response(status)
                for name, value in {**headers, "Content-Length": str(len(body))}.items():
                    self.send_header(name, value)
                self.end_headers()
                try:
                    self.wfile.write(body)
                except OSError:
                    pass  # a client that has had enough

            def log_message(self, *_):
                pass

        cert, key = world.certificate(f"scripted-{id(self)}", HOST)
        self.ca_file = world.path("test-ca.pem")
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # handshakes that a client gives up
        self.port = self._server.server_address[1]
        self.auth_domain = f"{HOST}:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        world.closing(self)

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def org_token(self, **changes):
        """As the client takes it, which does not check the signature of a token that only the edge reads."""
        claims = {"iss": f"https://{self.auth_domain}", "type": "org", "email": worlds.EMAIL,
                  "exp": int(time.time()) + 600, **changes}
        signature = base64.urlsafe_b64encode(b"signature").decode().rstrip("=")
        return f"{tokens.encode_part({'alg': 'RS256', 'kid': 'k'})}.{tokens.encode_part(claims)}.{signature}"

    @staticmethod
    def listing(*applications):
        """The answer with that list."""
        return 200, {"Content-Type": "application/json"}, json.dumps({"applications": applications}).encode()
