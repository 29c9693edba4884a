"""Phase ``forecast``: what more rows would bring, from a learning curve of a cheap teacher."""

from typing import Any

from app.science.architecture import learning_curve
from app.science.architecture.forecast import Interval, forecast
from app.science.errors import ScienceError
from workers.context import Context
from workers.measured import intrinsic_dimension, unresolved
from workers.phase import Phase
from workers.tabular import encoded


def run(context: Context) -> dict[str, Any]:
    """Leave ``public/forecast.json``. Sees training and validation rows only."""
    data = encoded(context)
    try:
        curve = learning_curve.measure(
            data.fit_x,
            data.fit_y,
            data.task,
            classes=data.classes,
            seed=context.seed,
            progress=context.progress,
        )
    except ScienceError as error:
        context.write_json("forecast.json", unresolved(error), public=True)
        return {"unresolved": True}
    dimension = Interval(**intrinsic_dimension(context))
    document = forecast(curve, dimension, seed=context.seed).to_json()
    context.write_json("forecast.json", document, public=True)
    return {"verdict": document["verdict"], "sentence": document["sentence"]}


PLUGIN: Phase = run
