def recode_scan(
    data: bytes | memoryview,
    layout: bytes,
    units: int,
    old_tables: bytes,
    new_tables: bytes,
    interval: int,
    places: bytes | memoryview,
    deltas: bytes | memoryview,
) -> bytes:
    """The entropy-coded ``data`` of a sequential scan with changed coefficients.

    ``layout`` has a byte for each block of a unit (MCU): the number of its component; ``units`` is how many
    units the scan has, ``interval`` how many lie between restart markers (0: there are none). ``old_tables``
    and ``new_tables`` have for each component a DC and an AC Huffman table of 16 + 256 bytes: how many codes
    there are of each length, and the symbols. ``places`` are uint32, rising: the numbers of the blocks that
    change, in the scan's order; ``deltas`` int16, 64 a block in zigzag order: what is added to them.

    Raises LookupError where a new table has no code for a symbol, ValueError for a scan that is damaged or of
    another layout, and MemoryError.
    """
