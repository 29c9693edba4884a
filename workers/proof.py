"""The package's own test error must be the one that the job is about to report."""

from typing import Any

from app.science.errors import ScienceError
from workers.context import Context

TOLERANCE = 1e-3


class PackageDisagrees(ScienceError):
    """The package's test error is not the one that the job is about to report."""


def settle(context: Context, again: float, differences: dict[str, float]) -> dict[str, Any]:
    """Compare, and leave the job's result with what was proved; headlines.

    Parameters
    ----------
    again : the test error of the package, computed from raw cells
    differences : of the package from the trained network, by evaluation
    """
    result = context.read_json("report", "result.json")
    reported = result["test"]["network"]
    if abs(again - reported) > TOLERANCE * max(abs(reported), 1e-12):
        raise PackageDisagrees(
            f"the package's test {result['metric']} is {again:.6g}, the report says {reported:.6g}"
        )
    package = context.headline("package")
    result |= {
        "package_bytes": package["package_bytes"],
        "self_test": {
            **differences,
            "tolerance": package["tolerance"],
            "test_error_of_package": again,
        },
    }
    context.write_json("result.json", result)
    return {"passed": True, "test_error_of_package": again, "reported": reported}
