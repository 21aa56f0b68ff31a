"""What is stored is what comes back; anything that was changed, cut off, moved or sealed with another key is refused."""

import base64
import os

import pytest
from hypothesis import given
from hypothesis import strategies as st

from scrubjay_operator.backup import codec, frames
from scrubjay_operator.backup.errors import BackupError

KEY = bytes(range(32))
pieces = st.lists(st.binary(max_size=3000), max_size=12)


def recut(data: bytes, size: int) -> list[bytes]:
    return [data[at : at + size] for at in range(0, len(data), size)]


@given(data=pieces, compress=st.booleans(), encrypt=st.booleans(), size=st.integers(1, 5000))
def test_round_trip_whatever_the_pieces(data: list[bytes], compress: bool, encrypt: bool, size: int) -> None:
    key = KEY if encrypt else None
    kept = b"".join(codec.stored(data, compress=compress, key=key))
    found = b"".join(codec.restored(recut(kept, size), compressed=compress, key=key))
    assert found == b"".join(data)
    if encrypt:
        assert all(len(piece) < 32 or piece not in kept for piece in data)


@pytest.fixture
def small_frames(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "FRAME", 100)


def sealed(data: bytes) -> bytes:
    return b"".join(codec.stored([data], compress=False, key=KEY))


def opened(data: bytes, key: bytes = KEY) -> bytes:
    return b"".join(codec.restored([data], compressed=False, key=key))


@pytest.mark.usefixtures("small_frames")
def test_every_flipped_byte_is_found() -> None:
    whole = sealed(os.urandom(250))
    for at in range(len(whole)):
        broken = bytearray(whole)
        broken[at] ^= 1
        with pytest.raises(BackupError) as error:
            opened(bytes(broken))
        assert error.value.reason == "Damaged"


@pytest.mark.usefixtures("small_frames")
def test_every_cut_and_every_addition_is_found() -> None:
    whole = sealed(os.urandom(250))
    for size in range(len(whole)):
        with pytest.raises(BackupError):
            opened(whole[:size])
    with pytest.raises(BackupError):
        opened(whole + whole[-20:])


@pytest.mark.usefixtures("small_frames")
def test_frames_cannot_be_moved_or_left_out() -> None:
    whole = sealed(os.urandom(300))
    head, size = whole[: frames.HEADER], 100 + frames.TAG + 4
    one, two, three = recut(whole[frames.HEADER :], size)
    for order in ([two, one, three], [one, three], [one, one, three], [one, two, two, three]):
        with pytest.raises(BackupError):
            opened(head + b"".join(order))
    assert len(opened(head + one + two + three)) == 300


def test_another_key_is_refused_and_named() -> None:
    other = os.urandom(32)
    assert frames.key_check(other) != frames.key_check(KEY)
    with pytest.raises(BackupError, match="another key"):
        opened(sealed(b"data"), other)


def test_the_same_data_is_never_sealed_the_same_way() -> None:
    assert sealed(b"data" * 50) != sealed(b"data" * 50)


def test_damaged_compression_is_found() -> None:
    whole = b"".join(codec.stored([b"many keys " * 1000], compress=True, key=None))
    for broken in (whole[:-3], whole[:20] + b"\x00" + whole[21:], b"no zstd at all"):
        with pytest.raises(BackupError):
            list(codec.restored([broken], compressed=True, key=None))


@pytest.mark.parametrize("written", [KEY, KEY.hex().encode(), base64.b64encode(KEY), KEY.hex().encode() + b"\n"])
def test_keys_as_people_write_them(written: bytes) -> None:
    assert frames.read_key(written) == KEY


@pytest.mark.parametrize("written", [b"", b"password", KEY[:31], KEY.hex().encode()[:-2]])
def test_what_is_no_key_is_refused_in_words(written: bytes) -> None:
    with pytest.raises(BackupError, match="32 random bytes"):
        frames.read_key(written)
