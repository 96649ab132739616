"""Strips shared libraries without binutils: the same bytes come out on every machine.

A loader reads a library by its program headers alone (ELF specification, chapter 2, "Program Loading"). Whatever lies
behind the last segment serves linkers and debuggers: symbols, debug information, the table of sections.
"""

import struct

_MAGIC = b"\x7fELF\x02\x01"  # 64 bits, little-endian
_HEADER = struct.Struct("<16sHHIQQQIHHHHHH")
_SEGMENT = struct.Struct("<IIQQQQQQ")
_SECTIONS_START = 11  # e_shentsize, e_shnum, e_shstrndx are the last three fields


def strip_library(library: bytes) -> bytes:
    """The library without what the loader never reads; anything that is no 64-bit ELF file as it is."""
    if not library.startswith(_MAGIC):
        return library
    header = list(_HEADER.unpack_from(library))
    segments_at, segment_size, segment_count = header[5], header[9], header[10]
    end = segments_at + segment_size * segment_count
    for number in range(segment_count):
        segment = _SEGMENT.unpack_from(library, segments_at + number * segment_size)
        offset, size_in_file = segment[2], segment[5]
        end = max(end, offset + size_in_file)
    header[6] = 0  # e_shoff: there is no table of sections any more
    header[_SECTIONS_START + 1 :] = [0, 0]
    return _HEADER.pack(*header) + library[_HEADER.size : end]
