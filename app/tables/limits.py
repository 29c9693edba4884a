"""What one uploaded table may cost before the reader gives up."""

from dataclasses import dataclass

MIB = 1 << 20


@dataclass(frozen=True, slots=True)
class Limits:
    """Budgets of one read. Every one is checked before or while decoding, never after.

    Parameters
    ----------
    max_bytes : decoded bytes: text after decompression, or Arrow buffers, whichever is larger
    max_rows : data rows, the header is not one
    max_columns : columns
    max_cell_bytes : bytes of one text cell, UTF-8
    max_row_bytes : bytes of one line of text, with its separators
    max_npz_entries : arrays in one NPZ file
    max_ratio : decoded bytes per compressed byte, looked at above ``ratio_floor_bytes``
    ratio_floor_bytes : decoded bytes below which any ratio is fine
    max_zip_entries : files in one ZIP of images; their directory takes some 600 bytes each
    max_media_bytes : bytes of all images, as files, and of all points
    max_image_bytes : bytes of one image file
    max_image_pixels : pixels of one image, from its header; decoding takes up to 20 bytes each
    max_points : points of one set
    max_unreadable_share : of the cells of an image or point column, before the file is refused
    min_rows : data rows; a file of inputs for a prediction may have one
    """

    max_bytes: int = 2048 * MIB
    max_rows: int = 5_000_000
    max_columns: int = 2_000
    max_cell_bytes: int = 64 * 1024
    max_row_bytes: int = 4 * MIB
    max_npz_entries: int = 64
    max_ratio: float = 500.0
    ratio_floor_bytes: int = 64 * MIB
    max_zip_entries: int = 300_000
    max_media_bytes: int = 8192 * MIB
    max_image_bytes: int = 32 * MIB
    max_image_pixels: int = 40_000_000
    max_points: int = 100_000
    max_unreadable_share: float = 0.1
    min_rows: int = 10
