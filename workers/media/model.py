"""The fitted network as the later phases see it: a file that ONNX Runtime reads."""

from app.science.export.media_runtime import Session
from app.science.linalg import Floats
from workers.context import Context
from workers.media.modality import inputs_of

MODEL = "model.onnx"


def model_of(context: Context) -> bytes:
    """The network that the phase ``teacher`` left."""
    return (context.root / "phases" / "teacher" / MODEL).read_bytes()


def session_of(context: Context, threads: int = 0) -> Session:
    """The network, ready to run."""
    task = context.read_json("materialize", "selection.json")["task"]
    return Session(model_of(context), task, threads)


def predicted(context: Context, part: str) -> Floats:
    """(n,) or (n, c) probabilities of a part's rows."""
    return session_of(context).outputs(inputs_of(context, part), context.progress)
