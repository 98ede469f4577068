"""A mail server of our own: SMTP as far as a client of the standard library speaks it, over TLS."""

from __future__ import annotations

import base64
import socketserver
import ssl
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass
class Taken:
    """A letter as it came, and how."""

    sender: str
    to: str
    text: str
    encrypted: bool
    signed_in: str = ""


@dataclass
class MailServer:
    """`answer` is what every recipient gets; `offer_tls` False is a server without STARTTLS."""

    certificate: tuple[Path, Path]
    implicit: bool = False
    offer_tls: bool = True
    answer: str = "250 ok"
    accounts: dict[str, str] = field(default_factory=dict)
    taken: list[Taken] = field(default_factory=list)

    def __enter__(self) -> MailServer:
        self.trust = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self.trust.load_cert_chain(*self.certificate)
        server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), _Session)
        server.daemon_threads = True
        server.mail = self  # type: ignore[attr-defined]
        self._server = server
        self.port = int(server.server_address[1])
        self._thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


class _Session(socketserver.StreamRequestHandler):
    def handle(self) -> None:
        mail: MailServer = self.server.mail  # type: ignore[attr-defined]
        self.encrypted, self.signed_in = False, ""
        try:
            if mail.implicit:
                self._encrypt(mail)
            self._talk(mail)
        except (OSError, ValueError):
            return  # the client went away

    def _encrypt(self, mail: MailServer) -> None:
        self.request: Any = mail.trust.wrap_socket(self.request, server_side=True)
        self.rfile, self.wfile = self.request.makefile("rb"), self.request.makefile("wb", buffering=0)
        self.encrypted = True

    def _say(self, text: str) -> None:
        self.wfile.write(f"{text}\r\n".encode())

    def _talk(self, mail: MailServer) -> None:
        self._say("220 hospital.example")
        sender = to = ""
        while line := self.rfile.readline().decode().strip():
            word = line.upper()
            if word.startswith("EHLO"):
                offers = ["AUTH PLAIN"] if self.encrypted else ["STARTTLS"] if mail.offer_tls else []
                lines = ["hospital.example", *offers]
                for number, text in enumerate(lines, 1):
                    self._say(f"250{' ' if number == len(lines) else '-'}{text}")
            elif word == "STARTTLS":
                self._say("220 go on")
                self._encrypt(mail)
            elif word.startswith("AUTH PLAIN"):
                _, name, password = base64.b64decode(line.split()[2]).decode().split("\0")
                known = mail.accounts.get(name) == password
                self.signed_in = name if known else ""
                self._say("235 welcome" if known else "535 wrong password")
            elif word.startswith("MAIL FROM"):
                sender = line.split(":", 1)[1].split()[0]
                self._say("250 ok")
            elif word.startswith("RCPT TO"):
                to = line.split(":", 1)[1]
                self._say(mail.answer)
            elif word == "DATA":
                self._say("354 go on")
                text = b"".join(iter(self.rfile.readline, b".\r\n")).decode()
                mail.taken.append(Taken(sender, to, text, self.encrypted, self.signed_in))
                self._say("250 taken")
            elif word == "QUIT":
                self._say("221 bye")
                return
            else:
                self._say("250 ok")
