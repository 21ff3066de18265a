"""The web server: waitress, on a socket bound beforehand."""

import errno
import signal
import socket
import sys

from flask import Flask
from waitress.server import create_server

from webapp.settings import SettingError

THREADS = 8


def bind(host: str, port: int, setting: str) -> socket.socket:
    """A listening socket; SettingError, naming the `setting` to change, when that cannot be."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
        listening.listen(1024)
    except OSError as error:
        listening.close()
        if error.errno == errno.EADDRINUSE:
            why = f"Port {port} of {host} is in use by another program"
        else:
            why = f"Port {port} of {host} cannot be opened ({error.strerror})"
        raise SettingError(f"{why}: choose another one with {setting}=….") from None
    return listening


def serve(app: Flask, listening: socket.socket) -> None:
    """Answer until SIGTERM; requests in hand are finished."""
    signal.signal(signal.SIGTERM, lambda number, frame: sys.exit(0))
    server = create_server(
        app,
        sockets=[listening],
        threads=THREADS,
        ident="",
        clear_untrusted_proxy_headers=False,  # ProxyFix decides, by TRUSTED_PROXIES
        channel_request_lookahead=5,
        recv_bytes=65536,  # providers post hundreds of kilobytes at a time
        # what is a little too large gets the app's own page, and only what is far too large this
        # server's bare line
        max_request_body_size=app.config["MAX_CONTENT_LENGTH"] * 2,
    )
    server.run()
