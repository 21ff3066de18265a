"""Pictures from outside: what draws them comes through, and nothing else."""

import contextlib
import struct
import zlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests import pictures as made
from webapp.lib import pictures
from webapp.lib.pictures import NoPicture


def test_a_png_keeps_what_draws_it_and_loses_the_rest():
    noted = made.png(4, 3, chunk=(b"tEXt", b"Comment\0<script>"))
    found = pictures.read(noted + b"<script>alert(1)</script>")

    assert (found.mimetype, found.width, found.height) == ("image/png", 4, 3)
    assert found.content == made.png(4, 3)


def test_a_jpeg_loses_where_it_was_taken_and_what_hangs_on_it():
    found = pictures.read(made.jpeg(extra=b"\xff\xe1\x00\x0aExif\0\0GP") + b"PK\x03\x04")

    assert (found.mimetype, found.width, found.height) == ("image/jpeg", 8, 5)
    assert found.content == made.jpeg()


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"", "not a PNG or JPEG"),
        (b"<svg onload=alert(1)>", "not a PNG or JPEG"),
        (b"GIF89a", "not a PNG or JPEG"),
        (made.png(4, 3)[:-20], "damaged"),
        (made.png(4, 3).replace(b"IHDR", b"IHDX"), "damaged"),
        (made.png(4, 3, data=zlib.compress(b"\0" * 500)), "damaged"),
        (made.png(4, 3, data=b"no zlib"), "damaged"),
        (made.png(2001, 3), "more than 2000"),
        (made.jpeg()[:-2], "damaged"),
        (made.jpeg().replace(struct.pack(">HH", 5, 8), struct.pack(">HH", 0, 8)), "more than"),
        (b"\x89PNG\r\n\x1a\n" + b"\0" * 500_001, "larger than 500 kB"),
    ],
)
def test_what_is_no_picture_is_refused_with_a_reason(content: bytes, said: str):
    with pytest.raises(NoPicture, match=said):
        pictures.read(content)


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([made.png(4, 3), made.jpeg()]), st.data())
def test_any_damage_is_refused_or_harmless(whole: bytes, data):
    at = data.draw(st.integers(0, len(whole)))
    broken = whole[:at] + data.draw(st.binary(max_size=30)) + whole[at + 3 :]
    with contextlib.suppress(NoPicture):
        assert pictures.read(broken).content.startswith((b"\x89PNG", b"\xff\xd8"))
