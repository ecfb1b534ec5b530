"""The server: sockets, who is let in, the port for probes, and the stop."""
