"""Frames of a WebSocket are found however the bytes are cut."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from hub_ext.gate.frames import FRAMES_PER_SECOND, FrameBudget, FrameCounter, close_frame

SIZES = st.sampled_from([0, 1, 125, 126, 127, 300, 65535, 65536, 70000])
FRAMES = st.lists(st.tuples(st.sampled_from([0, 1, 2, 8, 9, 10]), SIZES, st.booleans()), max_size=6)


def frame(opcode: int, size: int, masked: bool) -> bytes:
    mask_bit = 0x80 if masked else 0
    if size < 126:
        head = bytes([0x80 | opcode, mask_bit | size])
    elif size < 65536:
        head = bytes([0x80 | opcode, mask_bit | 126]) + size.to_bytes(2, "big")
    else:
        head = bytes([0x80 | opcode, mask_bit | 127]) + size.to_bytes(8, "big")
    return head + (b"mask" if masked else b"") + b"\x81" * size


@given(FRAMES, st.lists(st.integers(1, 200_000), max_size=30))
def test_data_frames_are_counted_in_any_pieces(frames: list[tuple[int, int, bool]], cuts: list[int]) -> None:
    stream = b"".join(frame(*each) for each in frames)
    counter, at = FrameCounter(), 0
    for cut in cuts:
        counter.feed(stream[at : at + cut])
        at += cut
    counter.feed(stream[at:])
    assert counter.data_frames == sum(opcode < 8 for opcode, _, _ in frames)
    assert counter.between_frames


@given(FRAMES.filter(bool), st.integers(1, 2**20))
def test_a_cut_frame_is_noticed(frames: list[tuple[int, int, bool]], missing: int) -> None:
    counter = FrameCounter()
    whole = b"".join(frame(*each) for each in frames)
    last = len(frame(*frames[-1]))
    counter.feed(whole[: len(whole) - 1 - missing % (last - 1)])
    assert not counter.between_frames


@given(FRAMES)
def test_byte_by_byte_is_the_same(frames: list[tuple[int, int, bool]]) -> None:
    stream = b"".join(frame(opcode, min(size, 300), masked) for opcode, size, masked in frames)
    counter = FrameCounter()
    for position in range(len(stream)):
        counter.feed(stream[position : position + 1])
    assert counter.data_frames == sum(opcode < 8 for opcode, _, _ in frames)


def test_the_close_frame_is_one_control_frame() -> None:
    counter = FrameCounter()
    counter.feed(close_frame(1008))
    assert (counter.data_frames, counter.between_frames) == (0, True)
    assert close_frame(1008) == b"\x88\x02\x03\xf0"


def test_headers_are_read_within_a_budget() -> None:
    now = [0.0]
    budget = FrameBudget(lambda: now[0])
    budget.spend(FRAMES_PER_SECOND - 1)
    assert not budget.is_spent
    budget.spend(FRAMES_PER_SECOND)
    now[0] = 0.9
    assert budget.is_spent
    now[0] = 1.1
    assert not budget.is_spent
    now[0] = 100.0
    assert not budget.is_spent
    budget.spend(FRAMES_PER_SECOND)
    assert budget.is_spent, "no more than a second's is kept"


def test_a_lost_stream_is_read_no_more() -> None:
    counter = FrameCounter()
    counter.feed(frame(1, 3, False) * 10)
    counter.lost = True
    counter.feed(frame(1, 3, False) * 10)
    assert (counter.frames, counter.between_frames) == (10, False)
