import io
import json
import struct
import zipfile
from collections.abc import Callable
from typing import Any

import pytest

from app.science.export import archive, documents, manifest, package_writer, runtime, tensor_file
from app.science.export.errors import PackageError
from tests.unit.science.export import models

Files = dict[str, bytes]


@pytest.fixture(scope="module")
def package() -> bytes:
    return package_writer.package_bytes(models.trained("binary"))


@pytest.fixture
def files(package: bytes) -> Files:
    return archive.read(package)


def forged(files: Files, **changes: bytes) -> bytes:
    """A package whose manifest agrees with its changed files."""
    parts = {name: changes.get(name, files[name]) for name in manifest.PARTS}
    return archive.write({manifest.NAME: manifest.build(parts, target_name="rent"), **parts})


def with_json(files: Files, name: str, change: Callable[[Any], None]) -> bytes:
    document = json.loads(files[name])
    change(document)
    return forged(files, **{name: json.dumps(document).encode()})


@pytest.mark.parametrize("name", [manifest.NAME, *manifest.PARTS])
def test_a_changed_file_is_named(files: Files, name: str) -> None:
    original = files[name]
    at = next(i for i, byte in enumerate(original) if chr(byte).isdigit() or byte in b"aex")
    files[name] = original[:at] + b"7" + original[at + 1 :]
    assert files[name] != original

    with pytest.raises(PackageError) as refusal:
        runtime.load(archive.write(files))
    assert refusal.value.part == name
    assert not runtime.verify(archive.write(files)).hashes_passed


@pytest.mark.parametrize("name", [manifest.NAME, *manifest.PARTS])
def test_a_flipped_bit_is_named(package: bytes, files: Files, name: str) -> None:
    at = package.index(files[name]) + len(files[name]) // 2
    broken = package[:at] + bytes([package[at] ^ 1]) + package[at + 1 :]

    with pytest.raises(PackageError) as refusal:
        runtime.load(broken)
    assert refusal.value.part == name


def test_a_missing_or_extra_file_is_named(files: Files) -> None:
    with pytest.raises(PackageError, match=r"run\.py: does not belong"):
        runtime.load(archive.write({**files, "run.py": b"import os"}))
    del files["card.md"]
    with pytest.raises(PackageError, match=r"card\.md: is missing"):
        runtime.load(archive.write(files))


def test_an_unknown_version_is_named(files: Files) -> None:
    head = json.loads(files[manifest.NAME]) | {"format": "mmpkg/2"}
    with pytest.raises(PackageError, match=r"format is 'mmpkg/2', this reader knows 'mmpkg/1'"):
        runtime.load(archive.write({**files, manifest.NAME: json.dumps(head).encode()}))


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 0.9999])
def test_a_truncated_file_is_refused(package: bytes, share: float) -> None:
    with pytest.raises(PackageError, match="truncated"):
        runtime.load(package[: int(share * len(package))])


def test_bytes_around_the_zip_are_refused(package: bytes) -> None:
    for data in (b"MZ" + package, package + b"\0"):
        with pytest.raises(PackageError):
            runtime.load(data)


def zipped(entries: dict[str, bytes], method: int = zipfile.ZIP_STORED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as bundle:
        for name, data in entries.items():
            bundle.writestr(name, data)
    return buffer.getvalue()


def test_a_compressed_entry_is_refused() -> None:
    bomb = zipped({manifest.NAME: bytes(10_000_000)}, zipfile.ZIP_DEFLATED)
    with pytest.raises(PackageError, match="is compressed"):
        runtime.load(bomb)


def test_too_many_entries_are_refused_before_they_are_listed() -> None:
    with pytest.raises(PackageError, match="40 entries"):
        runtime.load(zipped({f"f{i}": b"" for i in range(40)}))


@pytest.mark.parametrize("name", ["../x", "/abs", "a/b", "a\\b", ".hidden", "C:x", "x\n", "ü"])
def test_a_path_is_no_name(name: str) -> None:
    with pytest.raises(PackageError, match="is no plain file name"):
        runtime.load(zipped({name: b"x"}))


def test_sizes_that_do_not_add_up_are_refused() -> None:
    honest = zipped({manifest.NAME: b"0123456789"})
    huge = struct.pack("<LL", 0x7FFFFFFF, 0x7FFFFFFF)
    ten = struct.pack("<LL", 10, 10)
    assert honest.count(ten) == 2

    with pytest.raises(PackageError, match="do not add up"):
        runtime.load(honest.replace(ten, huge))


def test_two_entries_over_the_same_bytes_are_refused(package: bytes) -> None:
    head, directory = package[:-22], package[-22:]
    offset = struct.unpack("<L", directory[16:20])[0]
    central = bytearray(head[offset:])
    second = central.index(b"PK\x01\x02", 4)
    central[second + 42 : second + 46] = struct.pack("<L", 0)

    with pytest.raises(PackageError, match="does not start where"):
        runtime.load(head[:offset] + bytes(central) + directory)


def test_no_zip_at_all() -> None:
    for data in (b"", b"PK", b"hello" * 100, b"PK\x05\x06" + bytes(18)):
        with pytest.raises(PackageError):
            runtime.load(data)
        assert not runtime.verify(data).passed


def tensors(header: object, body: bytes = b"", length: int | None = None) -> bytes:
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text) if length is None else length) + text + body


def entry(dtype: str, shape: list[Any], *offsets: int) -> dict[str, Any]:
    return {"dtype": dtype, "shape": shape, "data_offsets": list(offsets)}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"\xff" * 8,
        tensors({}, length=1 << 60),
        tensors(b"[1]"),
        tensors(b"{" * 5000),
        tensors({"a": 3}),
        tensors({"a": entry("F32", [2], 0, 4)}, bytes(4)),
        tensors({"a": entry("F32", [1 << 40], 0, 1 << 42)}, bytes(8)),
        tensors({"a": entry("F32", [-1], 0, -4)}),
        tensors({"a": entry("F32", [1.0], 0, 4)}, bytes(4)),
        tensors({"a": entry("F32", [True], 0, 4)}, bytes(4)),
        tensors({"a": entry("F32", [0, 1 << 62], 0, 0)}),
        tensors({"a": entry("F32", [1] * 9, 0, 4)}, bytes(4)),
        tensors({"a": entry("O", [1], 0, 4)}, bytes(4)),
        tensors({"a": entry("F32", [1], 4, 8)}, bytes(8)),
        tensors({"a": entry("F32", [1], 0, 4)}, bytes(8)),
        tensors({"a": entry("F32", [1], 0, 4), "b": entry("F32", [1], 0, 4)}, bytes(4)),
        tensors({"a": entry("F32", [1], 0, 4), "b": entry("F32", [1], 8, 12)}, bytes(12)),
        tensors({"a": entry("F32", [1], 0, 4)}, b"\x00\x00\xc0\x7f"),
        tensors(b'{"a": 1, "a": 2}'),
    ],
)
def test_a_lying_tensor_header_is_refused(data: bytes) -> None:
    with pytest.raises(PackageError, match="weights"):
        tensor_file.read("weights", data)


@pytest.mark.parametrize(
    "data",
    [
        b"[" * 200_000,
        b'{"a":' * 100 + b"1" + b"}" * 100,
        b'{"a": NaN}',
        b'{"a": ' + b"9" * 5000 + b"}",
        b'{"a": 1, "a": 2}',
        b"\xff",
        b"[]",
        b"",
    ],
)
def test_hostile_json_is_refused(data: bytes) -> None:
    with pytest.raises(PackageError, match="part"):
        documents.read("part", data)


def doubling(graph: dict[str, Any]) -> None:
    nodes = [{"name": "n0", "op": "concat", "inputs": ["x", "x"]}]
    nodes += [
        {"name": f"n{i}", "op": "concat", "inputs": [f"n{i - 1}", f"n{i - 1}"]}
        for i in range(1, 60)
    ]
    graph["nodes"] = nodes + graph["nodes"]


@pytest.mark.parametrize(
    "change",
    [
        doubling,
        lambda graph: graph.update(format="adaptnet-network/2"),
        lambda graph: graph.update(task="magic"),
        lambda graph: graph.update(task=[]),
        lambda graph: graph.update(classes=["one"]),
        lambda graph: graph.update(classes=["same", "same"]),
        lambda graph: graph.update(classes=[1, 2]),
        lambda graph: graph.update(classes=None),
        lambda graph: graph.update(input_dim=1 << 50),
        lambda graph: graph.update(input_dim="many"),
        lambda graph: graph.update(output="nothing"),
        lambda graph: graph.update(output=[]),
        lambda graph: graph.update(nodes=[]),
        lambda graph: graph.update(nodes=[3]),
        lambda graph: graph.pop("nodes"),
        lambda graph: graph["nodes"][0].update(op="eval"),
        lambda graph: graph["nodes"][0].update(name=["x"]),
        lambda graph: graph["nodes"][0].update(inputs=["hinge"]),
        lambda graph: graph["nodes"][1].update(attributes={"slope": "1", "intercept": 0}),
        lambda graph: graph["nodes"][1].update(attributes={}),
        lambda graph: graph["nodes"][5].update(inputs=["x"]),
    ],
)
def test_a_network_that_makes_no_sense_is_refused(
    files: Files, change: Callable[[Any], None]
) -> None:
    data = with_json(files, "architecture.json", change)

    with pytest.raises(PackageError, match=r"architecture\.json"):
        runtime.load(data)
    report = runtime.verify(data)
    assert report.hashes_passed
    assert not report.passed


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document.update(format="adaptnet-preprocess/9"),
        lambda document: document.update(columns=[]),
        lambda document: document.update(columns={}),
        lambda document: document["columns"].append(3),
        lambda document: document["columns"][0].update(scale=0.0),
        lambda document: document["columns"][0].update(scale="1"),
        lambda document: document["columns"][0].update(fill=None),
        lambda document: document["columns"][0].update(extra=1),
        lambda document: document["columns"][0].update(source="shell"),
        lambda document: document["columns"][0].update(name="city"),
        lambda document: document["columns"][1].update(table="mix.weight"),
        lambda document: document["columns"][1].update(levels=["a", "a", "b"]),
        lambda document: document["columns"][1].update(levels=[1, 2, 3]),
    ],
)
def test_an_encoding_that_makes_no_sense_is_refused(
    files: Files, change: Callable[[Any], None]
) -> None:
    with pytest.raises(PackageError, match=r"preprocess\.json"):
        runtime.load(with_json(files, "preprocess.json", change))


@pytest.mark.parametrize(
    "change",
    [
        lambda document: document.update(format=1),
        lambda document: document.update(tolerance=1.0),
        lambda document: document.update(tolerance="nan"),
        lambda document: document.update(columns=[]),
        lambda document: document.update(columns=7),
        lambda document: document["columns"].pop(),
        lambda document: document["columns"][0].update(tensor="output"),
        lambda document: document["columns"][0].update(levels=["a"] * 256),
        lambda document: document["columns"][1].update(levels=["Uji"]),
    ],
)
def test_golden_rows_that_make_no_sense_are_refused(
    files: Files, change: Callable[[Any], None]
) -> None:
    with pytest.raises(PackageError, match=r"selftest\.json"):
        runtime.load(with_json(files, "selftest.json", change))


@pytest.mark.parametrize(
    "value", [3, {}, {"format": "adaptnet-conformal/1", "score": "absolute_error"}]
)
def test_a_calibration_that_makes_no_sense_is_refused(files: Files, value: object) -> None:
    forgery = with_json(files, "evidence.json", lambda d: d.update(conformal=value))

    with pytest.raises(PackageError, match=r"evidence\.json: conformal"):
        runtime.load(forgery)


def test_a_consistent_forgery_with_other_weights_fails_the_self_test(files: Files) -> None:
    weights = dict(tensor_file.read("w", files["weights.safetensors"]))
    weights["head.bias"] = weights["head.bias"] + [0.0, 0.5]

    report = runtime.verify(forged(files, **{"weights.safetensors": tensor_file.write(weights)}))

    assert report.hashes_passed
    assert not report.passed
    assert report.self_test is not None
    assert not report.self_test.passed
