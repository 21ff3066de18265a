"""Small pictures, made by hand."""

import struct
import zlib


def png(width: int, height: int, data: bytes | None = None, chunk: tuple = ()) -> bytes:
    """A grey PNG; `chunk` is put in behind its head."""
    rows = data if data is not None else zlib.compress((b"\0" + b"\x88" * width) * height)
    head = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    chunks = [(b"IHDR", head), *([chunk] if chunk else []), (b"IDAT", rows), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(held)) + kind + held + struct.pack(">I", zlib.crc32(kind + held))
        for kind, held in chunks
    )


def jpeg(extra: bytes = b"") -> bytes:
    """The frame of a JPEG of 8 × 5, its scan with a quoted FF and a restart."""
    size = b"\xff\xc0\x00\x0b\x08" + struct.pack(">HH", 5, 8) + b"\x01\x01\x11\x00"
    scan = b"\xff\xda\x00\x08\x01\x01\x00\x00\x3f\x00" + b"\x12\xff\x00\x34\xff\xd0\x56"
    return b"\xff\xd8" + extra + size + scan + b"\xff\xd9"
