"""Pictures from outside: PNG and JPEG, taken apart, and put together from what draws them alone.

So a file that is a picture and something else besides, comments, places and cameras (EXIF) do not
come through, nor what a browser would need long for.
"""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass

MAX_BYTES = 500_000
MAX_WIDTH, MAX_HEIGHT = 2000, 1000

_PNG = b"\x89PNG\r\n\x1a\n"
_PNG_DRAWS = {b"IHDR", b"PLTE", b"IDAT", b"IEND", b"tRNS", b"gAMA", b"sRGB", b"cHRM", b"pHYs"}
_MAX_BYTES_A_PIXEL = 8  # PNG: four channels of 16 bits
_JPEG_SIZES = {0xC0, 0xC1, 0xC2}  # baseline, extended, progressive: what browsers draw
_JPEG_DRAWS = _JPEG_SIZES | {0xC4, 0xDB, 0xDD, 0xE0, 0xEE}  # tables, JFIF, Adobe's colours
_JPEG_SCAN, _JPEG_END = 0xDA, 0xD9


class NoPicture(ValueError):
    """It is none that we take; the text says what to do."""


@dataclass(frozen=True)
class Picture:
    """A picture fit to be served. `mimetype` is image/png or image/jpeg; sizes are pixels."""

    mimetype: str
    content: bytes
    width: int
    height: int


def read(content: bytes) -> Picture:
    """The picture in a file. Raises NoPicture."""
    if len(content) > MAX_BYTES:
        raise NoPicture("The picture is larger than 500 kB. Make it smaller.")
    try:
        picture = _read_png(content) if content.startswith(_PNG) else _read_jpeg(content)
    except (struct.error, IndexError, zlib.error):
        raise NoPicture("The picture is damaged. Save it again, and choose the new file.") from None
    if not (0 < picture.width <= MAX_WIDTH and 0 < picture.height <= MAX_HEIGHT):
        raise NoPicture(f"The picture has more than {MAX_WIDTH} × {MAX_HEIGHT} pixels.")
    return picture


def _read_png(content: bytes) -> Picture:
    chunks = list(_png_chunks(content))
    if chunks[0][0] != b"IHDR" or chunks[-1][0] != b"IEND":
        raise IndexError
    width, height = struct.unpack(">II", chunks[0][1][:8])
    if width <= MAX_WIDTH and height <= MAX_HEIGHT:
        _inflate(b"".join(data for kind, data in chunks if kind == b"IDAT"), width, height)
    kept = b"".join(
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
        if kind in _PNG_DRAWS
    )
    return Picture("image/png", _PNG + kept, width, height)


def _png_chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(kind, data) up to IEND; what comes behind it is left out."""
    at = len(_PNG)
    kind = b""
    while kind != b"IEND":
        (length,) = struct.unpack_from(">I", content, at)
        kind, data = content[at + 4 : at + 8], content[at + 8 : at + 8 + length]
        (checksum,) = struct.unpack_from(">I", content, at + 8 + length)
        if checksum != zlib.crc32(kind + data):
            raise IndexError
        yield kind, data
        at += 12 + length


def _inflate(packed: bytes, width: int, height: int) -> None:
    """Raise where it is none, or more than such a picture can hold."""
    room = height * (width * _MAX_BYTES_A_PIXEL + 2) + 100
    unpacking = zlib.decompressobj()
    unpacking.decompress(packed, room)
    if not unpacking.eof:
        raise zlib.error


def _read_jpeg(content: bytes) -> Picture:
    if not content.startswith(b"\xff\xd8\xff"):
        raise NoPicture("This is not a PNG or JPEG picture. Save it as one of them.")
    kept, width, height = [b"\xff\xd8"], 0, 0
    at = 2
    while True:
        if content[at] != 0xFF:
            raise IndexError
        kind = content[at + 1]
        if kind == _JPEG_END:
            break
        (length,) = struct.unpack_from(">H", content, at + 2)
        end = at + 2 + length
        if kind in _JPEG_SIZES:
            height, width = struct.unpack_from(">HH", content, at + 5)
        if kind == _JPEG_SCAN:
            end = _scan_end(content, end)
        if kind in _JPEG_DRAWS or kind == _JPEG_SCAN:
            kept.append(content[at:end])
        at = end
    return Picture("image/jpeg", b"".join([*kept, b"\xff\xd9"]), width, height)


def _scan_end(content: bytes, at: int) -> int:
    """Where the data of a scan ends: at a marker that is neither a restart nor a quoted FF."""
    while True:
        at = content.find(b"\xff", at)
        if at < 0:
            raise IndexError
        if content[at + 1] != 0 and not 0xD0 <= content[at + 1] <= 0xD7:
            return at
        at += 2
