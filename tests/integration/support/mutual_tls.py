"""A real TLS server in front of an edge that rejects clients without a certificate."""

import socket
import ssl

from support import limits
from support.origin import Origin
from support.proxies import pump_both


class Demanding:
    """Takes what its authority (test-ca.pem) has signed; the edge behind it hears the same words over TLS of its own."""

    def __init__(self, world, edge, version, alpn=()):
        cert, key = world.certificate("front", edge.hosts[0])
        self.ca_file = world.path("trusted-by-client.pem")
        self.ca_file.write_text(edge.ca_file.read_text() + world.path("test-ca.pem").read_text())
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(cert, key)
        context.load_verify_locations(world.path("test-ca.pem"))
        context.verify_mode = ssl.CERT_REQUIRED
        if alpn:
            context.set_alpn_protocols(alpn)
        context.minimum_version = context.maximum_version = version
        to_edge = ssl.create_default_context(cafile=edge.ca_file)

        def serve(connection, events):
            try:
                inside = context.wrap_socket(connection, server_side=True)
            except ssl.SSLError as error:
                events.put(error.reason)
                return
            with inside, socket.create_connection(("127.0.0.1", edge.port), limits.COMMAND_DEADLINE) as raw:
                events.put(inside.getpeercert()["subject"])
                with to_edge.wrap_socket(raw, server_hostname=edge.hosts[0]) as outside:
                    pump_both(inside, outside)

        self.origin = world.closing(Origin(serve))
        self.host = f"{edge.hosts[0]}:{self.origin.address.rsplit(':', 1)[1]}"
