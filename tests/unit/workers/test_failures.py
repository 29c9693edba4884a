"""Lack of memory, in whatever words it is told, is not taken for a crash."""

import errno

import pytest
import torch

from workers.failures import explain, of_exit
from workers.process import Exit


@pytest.mark.parametrize(
    ("error", "code", "owner", "again"),
    [
        (MemoryError(), "out_of_memory", "service", False),
        (
            RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 1 B"),
            *("out_of_memory", "service", False),
        ),
        (torch.cuda.OutOfMemoryError("CUDA out of memory"), "gpu_out_of_memory", "service", True),
        (OSError(errno.ENOSPC, "No space left on device"), "disk_full", "capacity", False),
        (RuntimeError("anything"), "internal", "service", True),
    ],
)
def test_an_exception_has_its_code(error: Exception, code: str, owner: str, again: bool) -> None:
    found = explain(error)

    assert (found["code"], found["owner"], found.get("retryable", False)) == (code, owner, again)
    assert found["hint"]


def test_the_words_of_an_unknown_error_are_kept() -> None:
    assert explain(RuntimeError("anything"))["message"] == "RuntimeError: anything"


@pytest.mark.parametrize(
    ("end", "log", "code"),
    [
        (Exit(-9, killed_by_kernel=True), "", "killed_out_of_memory"),
        (Exit(-6), "terminate called after throwing 'std::bad_alloc'", "out_of_memory"),
        (Exit(-9), "", "worker_crashed"),
        (Exit(1), "", "worker_crashed"),
    ],
)
def test_an_end_without_a_word_has_its_code(end: Exit, log: str, code: str) -> None:
    assert of_exit(end, log)["code"] == code
