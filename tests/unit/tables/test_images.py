"""Single images: what is kept, what is converted with a warning, what is refused."""

import numpy as np
import pytest
from PIL import Image

from app.tables.finding import Finding
from app.tables.images import CheckedImage, check_image, check_pixels, decode
from app.tables.limits import Limits
from tests.unit.tables.image_factories import Pixels, encoded, pixels, png_that_declares

LIMITS = Limits(max_image_bytes=1 << 16, max_image_pixels=10_000)


def usable(data: bytes) -> CheckedImage:
    """The image, which must be one."""
    found = check_image(data, LIMITS)
    assert isinstance(found, CheckedImage), found
    return found


def from_array(array: Pixels) -> CheckedImage:
    """The image of these pixels."""
    found = check_pixels(array, LIMITS)
    assert isinstance(found, CheckedImage), found
    return found


def seen(image: CheckedImage) -> Pixels:
    """The pixels that later readers get."""
    return np.asarray(decode(image.data))


@pytest.mark.parametrize("shape", [(12, 10), (12, 10, 3)])
@pytest.mark.parametrize("form", ["PNG", "JPEG"])
def test_a_plain_file_is_kept_byte_by_byte(shape: tuple[int, ...], form: str) -> None:
    data = encoded(pixels(0, shape), form)
    image = usable(data)

    assert image.data == data
    assert (image.height, image.width, image.findings) == (12, 10, ())
    assert image.mode == ("L" if len(shape) == 2 else "RGB")


def test_equal_pixels_have_one_digest_in_every_lossless_form() -> None:
    wanted = from_array(pixels()).digest

    for form, options in (("PNG", {}), ("BMP", {}), ("TIFF", {}), ("WEBP", {"lossless": True})):
        image = usable(encoded(pixels(), form, **options))
        assert image.digest == wanted
        np.testing.assert_array_equal(seen(image), pixels())
    assert from_array(pixels(1)).digest != wanted


def test_a_palette_is_converted_with_a_warning() -> None:
    image = usable(encoded(Image.fromarray(pixels()).quantize(16), "PNG"))

    assert [finding.code for finding in image.findings] == ["palette_image"]
    assert seen(image).shape == (12, 10, 3)


def test_cmyk_is_converted_with_a_warning() -> None:
    image = usable(encoded(Image.fromarray(pixels()).convert("CMYK"), "JPEG"))

    assert [finding.code for finding in image.findings] == ["color_model"]
    assert image.mode == "RGB"


def test_sixteen_bits_are_scaled_to_eight() -> None:
    deep = np.array([[0, 257, 25_700, 65_535]], dtype=np.uint16)
    image = usable(encoded(Image.fromarray(deep), "PNG"))

    assert [finding.code for finding in image.findings] == ["deep_image"]
    assert seen(image).tolist() == [[0, 1, 100, 255]]


def test_the_first_frame_of_an_animation_is_taken() -> None:
    frames = [Image.fromarray(pixels(seed)) for seed in range(3)]
    image = usable(encoded(frames[0], "PNG", save_all=True, append_images=frames[1:]))

    assert [finding.code for finding in image.findings] == ["animated_image"]
    np.testing.assert_array_equal(seen(image), pixels(0))


def test_a_transparent_image_is_laid_on_white() -> None:
    image = from_array(np.array([[[9, 9, 9, 0], [10, 20, 30, 255]]], dtype=np.uint8))

    assert [finding.code for finding in image.findings] == ["transparent_image"]
    assert seen(image).tolist() == [[[255, 255, 255], [10, 20, 30]]]


def test_a_photograph_is_turned_upright() -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # the camera was held on its side
    data = encoded(pixels(), "JPEG", exif=exif)
    image = usable(data)

    assert image.data == data
    assert (image.height, image.width) == seen(image).shape[:2] == (10, 12)


@pytest.mark.parametrize("form", ["PNG", "JPEG", "GIF", "TIFF"])
def test_a_cut_off_file_is_broken(form: str) -> None:
    data = encoded(pixels(0, (40, 40, 3)), form)
    found = check_image(data[: len(data) // 2], LIMITS)

    assert isinstance(found, Finding)
    assert found.code in ("broken_image", "not_an_image")


@pytest.mark.parametrize("size", [(200, 200), (12_000, 12_000), (60_000, 60_000)])
def test_a_huge_image_is_refused_from_its_header(size: tuple[int, int]) -> None:
    found = check_image(png_that_declares(*size), LIMITS)

    assert isinstance(found, Finding)
    assert found.code == "huge_image"
    assert "1 to 10000" in found.what


@pytest.mark.parametrize("data", [b"", b"x", b"%PDF-1.4", b"\x89PNG\r\n\x1a\n", bytes(100)])
def test_other_bytes_are_no_image(data: bytes) -> None:
    found = check_image(data, LIMITS)

    assert isinstance(found, Finding)
    assert found.code == "not_an_image"


def test_a_file_over_the_limit_is_not_opened() -> None:
    found = check_image(bytes(LIMITS.max_image_bytes + 1), LIMITS)

    assert isinstance(found, Finding)
    assert found.code == "huge_image"


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, about odd tags of a TIFF
def test_damage_anywhere_is_a_finding_or_an_image() -> None:
    rng = np.random.default_rng(0)
    for form in ("PNG", "JPEG", "GIF", "BMP", "TIFF", "WEBP"):
        whole = encoded(pixels(), form)
        for _ in range(40):
            data = bytearray(whole)
            for place in rng.integers(0, len(data), 5):
                data[place] = rng.integers(0, 256)
            assert isinstance(check_image(bytes(data), LIMITS), CheckedImage | Finding)


@pytest.mark.parametrize("shape", [(0, 5), (101, 100), (5, 0, 3)])
def test_an_array_without_or_with_too_many_pixels_is_a_finding(shape: tuple[int, ...]) -> None:
    found = check_pixels(np.zeros(shape, np.uint8), LIMITS)

    assert isinstance(found, Finding)
    assert "wanted 1 to 10000" in found.what
