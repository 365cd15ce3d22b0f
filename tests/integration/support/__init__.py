"""Real parts for the integration tests: sshd, both edges, the client, ssh, terminals and origins."""
