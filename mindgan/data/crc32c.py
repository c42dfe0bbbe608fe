"""CRC-32C, the checksum of TFRecords, in NumPy: at 1 ms for 256x256 pixels thirty times as fast as a loop over bytes.

A CRC is linear over XOR: that of two parts put together is the first one's, advanced by as many zero bytes as the
second part has, XORed with the second one's. So the data are cut into short rows, whose checksums are found at once,
column by column, and joined pair by pair.
"""

from functools import cache

import numpy as np

POLYNOMIAL = 0x82F63B78  # Castagnoli's, reflected: RFC 3720, 12.1
ALL_ONES = 0xFFFFFFFF
MASK_DELTA = 0xA282EAD8  # TensorFlow, "TFRecord format details": checksums of data that hold checksums are masked
SHORT_BYTES = 64  # up to here a loop over bytes is faster
WORD_LEVEL, ROW_LEVEL = 2, 6  # a word has 2^2 bytes, a row 2^6


def masked_crc32c(data: bytes | memoryview) -> int:
    """The checksum as a TFRecord holds it."""
    crc = crc32c(data)
    return ((crc >> 15 | crc << 17) + MASK_DELTA) & ALL_ONES


def crc32c(data: bytes | memoryview) -> int:
    """The CRC-32C of some bytes (RFC 3720, appendix B.4 has examples)."""
    update = _loop if len(data) <= SHORT_BYTES else _joined
    return update(data, ALL_ONES) ^ ALL_ONES


def _loop(data: bytes | memoryview, register: int) -> int:
    """The register after some bytes."""
    table = _byte_table()
    for byte in data:
        register = table[(register ^ byte) & 0xFF] ^ register >> 8
    return register


def _joined(data: bytes | memoryview, register: int) -> int:
    """The same of at least 4 bytes: what the register holds before is as good as XORed with the first of them."""
    front = -len(data) % (1 << ROW_LEVEL)  # zeros before everything change nothing
    octets = np.zeros(front + len(data), np.uint8)
    octets[front:] = np.frombuffer(data, np.uint8)
    octets[front : front + 4] ^= np.frombuffer(register.to_bytes(4, "little"), np.uint8)
    words = octets.view("<u4").reshape(-1, 1 << (ROW_LEVEL - WORD_LEVEL))
    parts = np.zeros(len(words), np.uint32)
    for column in words.T:
        parts = _advanced(parts ^ column, WORD_LEVEL)
    level = ROW_LEVEL
    while len(parts) > 1:
        if len(parts) % 2:
            parts = np.concatenate([np.zeros(1, np.uint32), parts])
        parts = _advanced(parts[0::2], level) ^ parts[1::2]
        level += 1
    return int(parts[0])


def _advanced(registers: np.ndarray, level: int) -> np.ndarray:
    """Registers after 2^level more bytes of zeros."""
    tables = _tables(level)
    octets = np.ascontiguousarray(registers, "<u4").view(np.uint8).reshape(-1, 4)
    result = tables[0].take(octets[:, 0])
    for table, octet in zip(tables[1:], octets.T[1:], strict=True):
        result ^= table.take(octet)
    return result


@cache
def _tables(level: int) -> np.ndarray:
    """What `_advanced` makes of every value of each of a register's four bytes: uint32 [4, 256]."""
    if level > 0:
        return np.stack([_advanced(table, level - 1) for table in _tables(level - 1)])
    registers = np.arange(256, dtype=np.uint32) << np.array([[0], [8], [16], [24]], np.uint32)
    for _ in range(8):
        registers = np.where(registers & 1, registers >> 1 ^ np.uint32(POLYNOMIAL), registers >> 1)
    return registers


@cache
def _byte_table() -> list[int]:
    return _tables(0)[0].tolist()
