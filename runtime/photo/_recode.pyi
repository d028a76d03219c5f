def recode_scan(
    data: bytes | memoryview,
    layout: bytes,
    units: int,
    old_tables: bytes,
    new_tables: bytes,
    interval: int,
    indices: bytes | memoryview,
    deltas: bytes | memoryview,
) -> bytes:
    """Recode the entropy-coded ``data`` of a sequential scan with changed coefficients.

    ``layout`` has a byte for each block of a unit (MCU): the number of its component; ``units`` is the number
    of units in the scan, ``interval`` that between restart markers (0: none). ``old_tables`` and
    ``new_tables`` have a DC and an AC Huffman table of 16 + 256 bytes for each component: the number of codes
    of each length, and the symbols. ``indices`` are uint32, ascending: the indices of the changed blocks in
    scan order; ``deltas`` int16, 64 per block in zigzag order, are added to them.

    Raises LookupError if a new table has no code for a symbol, ValueError for a scan that is damaged or has
    another layout, and MemoryError.
    """
