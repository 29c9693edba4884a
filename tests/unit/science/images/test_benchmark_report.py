"""The benchmark's report reads times and accuracies off the curves, in the CNN's favor."""

from typing import Any

from benchmarks.images_report import SetReport


def ours(**changed: float) -> dict[str, Any]:
    found = {"accuracy": 0.7, "seconds": 10.0, "n_features": 100, "head": "ridge"}
    return {**found, "peak_bytes": 10**9, "onnx_difference": 1e-7, **changed}


def run(*curve: tuple[float, float], validation: float = 0.5) -> dict[str, Any]:
    seconds, test = curve[-1]
    return {"validation": validation, "test": test, "seconds": seconds, "curve": list(curve)}


FAST, SLOW = run((5.0, 0.6), (8.0, 0.65)), run((20.0, 0.5), (40.0, 0.8), validation=0.8)


def verdicts(report: SetReport) -> list[bool | None]:
    return [bar.passed for bar in report.bars()]


def test_the_time_to_ours_is_the_earliest_of_any_run() -> None:
    report = SetReport("CIFAR-10, 50 a class", ours(), [SLOW, FAST, run((30.0, 0.7))])
    assert report.seconds_to_ours == 30.0
    assert report.at_equal_time == 0.65
    assert report.converged is SLOW


def test_the_smallest_sets_must_beat_the_converged_run() -> None:
    report = SetReport("CIFAR-10, 50 a class", ours(), [FAST, SLOW])
    assert verdicts(report) == [True, True, False, True, True]


def test_whole_sets_are_judged_by_accuracy_and_time() -> None:
    report = SetReport("CIFAR-10", ours(seconds=1_300.0), [FAST])
    assert verdicts(report) == [False, False, True, True, True]
    assert report.seconds_to_ours is None


def test_a_part_of_a_set_gets_no_verdict_on_time() -> None:
    report = SetReport("MNIST, first 2,000", ours(onnx_difference=2e-5), [SLOW])
    assert verdicts(report) == [None, True, False]
    assert "MISS" in report.text()


def test_the_picture_has_ours_and_every_run() -> None:
    setting = {"width": 16, "residual": False, "rate": 0.2, "n_epochs": 2}
    report = SetReport(
        "CIFAR-10, 50 a class", ours(), [{**r, "setting": setting} for r in (FAST, SLOW)]
    )
    lines = report.plot().csv.splitlines()
    assert report.file_name == "cifar_10_50_a_class.svg"
    assert lines[1] == "ours,ours,10,0.3,0"
    assert [line.split(",")[2] for line in lines[2:]] == ["5", "8", "20", "40"]
