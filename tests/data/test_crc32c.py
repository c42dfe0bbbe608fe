"""The checksum of TFRecords against published examples and another program's."""

import numpy as np
import pytest
from tensorboardX.record_writer import masked_crc32c as other_masked_crc32c

from mindgan.data.crc32c import crc32c, masked_crc32c


@pytest.mark.parametrize(
    ("data", "value"),
    [  # RFC 3720, appendix B.4, and the check value of the catalogue of CRCs
        (bytes(32), 0x8A9136AA),
        (b"\xff" * 32, 0x62A8AB43),
        (bytes(range(32)), 0x46DD794E),
        (bytes(range(31, -1, -1)), 0x113FDB5C),
        (b"123456789", 0xE3069283),
        (b"", 0),
    ],
)
def test_published_examples(data: bytes, value: int) -> None:
    assert crc32c(data) == value


@pytest.mark.parametrize("length", [*range(0, 10), *range(60, 140), 191, 192, 193, 1000, 4097, 12_288, 100_001])
def test_any_length_is_as_another_program_has_it(length: int) -> None:
    data = np.random.default_rng(length).bytes(length)
    assert masked_crc32c(data) == other_masked_crc32c(data)
    assert masked_crc32c(memoryview(data)) == other_masked_crc32c(data)
