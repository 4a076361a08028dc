import os
import pathlib
from collections.abc import Iterable
from typing import Any, Literal

def report(
    *runs: Any,
    output: str | os.PathLike[str] = "report.html",
    image_shape: tuple[int, int] | None = None,
    image_order: Literal["rows", "columns"] = "rows",
    images: Iterable[int] = (),
) -> pathlib.Path: ...
