"""The checking sink with STARTTLS, for ours alone: `tls_sink.py PORT LEDGER CERTIFICATE`.

CERTIFICATE is a file with certificate and key. Writes the same ledger as sink.c, on SIGTERM. It
reads quoted-printable only. Without STARTTLS it serves too, so that both can be compared.
"""

import asyncio
import binascii
import signal
import ssl
import sys
import zlib

import uvloop

GREETING = b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-STARTTLS\r\n250 SIZE 1000000\r\n"
_mails: list[tuple[bytes, int, int]] = []


class Line(asyncio.Protocol):
    """One connection."""

    def __init__(self, context: ssl.SSLContext) -> None:
        self._context = context
        self._buffer = bytearray()
        self._looked = 0
        self._address: bytes | None = None
        self._in_body = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        first = self._transport is None
        self._transport = transport
        if first:
            transport.write(b"220 sink ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        said: list[bytes] = []
        while self._step(said):
            pass
        if said:
            self._transport.write(b"".join(said))

    def _step(self, said: list[bytes]) -> bool:
        """One command, or one mail; False: more must come."""
        if self._in_body:
            return self._take_mail(said)
        end = self._buffer.find(b"\r\n")
        if end < 0:
            return False
        line = bytes(self._buffer[:end])
        del self._buffer[: end + 2]
        self._obey(line, said)
        return True

    def _obey(self, line: bytes, said: list[bytes]) -> None:
        match line[:4].upper():
            case b"EHLO":
                said.append(GREETING)
            case b"STAR":
                self._transport.write(b"220 2.0.0 Ready\r\n")
                self._task = asyncio.get_running_loop().create_task(self._secure())
            case b"RCPT":
                self._address = line[line.index(b"<") + 1 : line.index(b">")]
                said.append(b"250 2.1.5 Ok\r\n")
            case b"DATA":
                self._in_body, self._looked = True, 0
                said.append(b"354 Go on\r\n")
            case b"QUIT":
                said.append(b"221 2.0.0 Bye\r\n")
            case _:
                said.append(b"250 2.0.0 Ok\r\n")

    def _take_mail(self, said: list[bytes]) -> bool:
        end = self._buffer.find(b"\r\n.\r\n", self._looked)
        if end < 0:
            self._looked = max(0, len(self._buffer) - 4)
            return False
        mail = bytes(self._buffer[: end + 2])
        del self._buffer[: end + 5]
        self._in_body = False
        _mails.append((self._address, *sums_of(mail)))
        said.append(b"250 2.0.0 Ok: queued\r\n")
        return True

    async def _secure(self) -> None:
        loop = asyncio.get_running_loop()
        self._transport = await loop.start_tls(
            self._transport, self, self._context, server_side=True
        )


def sums_of(mail: bytes) -> tuple[int, int]:
    """CRC-32 of the decoded text and HTML of a multipart/alternative."""
    head, _, body = mail.partition(b"\r\n\r\n")
    boundary = b"\r\n--" + head.split(b'boundary="')[1].split(b'"')[0]
    _, text, html, _ = (b"\r\n" + body).split(boundary)
    return _sum(text), _sum(html)


def _sum(part: bytes) -> int:
    encoded = part.partition(b"\r\n\r\n")[2].replace(b"\r\n..", b"\r\n.")
    decoded = binascii.a2b_qp(encoded).replace(b"\r\n", b"\n")
    return zlib.crc32(decoded.rstrip(b"\n "))


def write_ledger(path: str) -> None:
    with open(path, "w", encoding="utf-8") as ledger:
        for address, text, html in _mails:
            ledger.write(f"{address.decode()} {text:08x} {html:08x}\n")


async def main(port: int, path: str, certificate: str) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    stop, loop = asyncio.Event(), asyncio.get_running_loop()
    loop.add_signal_handler(signal.SIGTERM, stop.set)
    await loop.create_server(lambda: Line(context), "127.0.0.1", port, backlog=1024)
    await stop.wait()
    write_ledger(path)


if __name__ == "__main__":
    uvloop.run(main(int(sys.argv[1]), sys.argv[2], sys.argv[3]))
