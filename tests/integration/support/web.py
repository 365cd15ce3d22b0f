"""A web server on loopback, for what is reached through a forwarded port."""

import http.server
import threading


class Web:
    """Answers every GET with the same body and remembers the paths it was asked for."""

    def __init__(self, world, body=b"the page behind the server\n"):
        self.body, self.paths = body, []
        web = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                web.paths.append(self.path)
                self.send_response(200)
                self.send_header("Content-Length", str(len(web.body)))
                self.end_headers()
                self.wfile.write(web.body)

            def log_message(self, *_):
                pass

        self._server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.address = f"127.0.0.1:{self.port}"
        self._thread = threading.Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()
        world.closing(self)

    def close(self):
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()
