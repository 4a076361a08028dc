import os
from typing import Any

from ._record import Record

class Figure(Record):
    id: str
    title: str
    caption: str
    svg: str
    def save(self, path: str | os.PathLike[str]) -> None: ...
    def to_frame(self) -> Any: ...
    def plot(self, ax: Any = None) -> Any: ...
