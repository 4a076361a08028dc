"""What every result is made of."""

import html


class Record:
    """The fields of a JSON document of thalweg, as attributes."""

    def __init__(self, record):
        self._record = record

    def __getattr__(self, name):
        if not name.startswith("_") and name in self._record:
            return self._record[name]
        raise AttributeError(f"{type(self).__name__} has no field {name!r}")

    def __getitem__(self, name):
        return self._record[name]

    def __dir__(self):
        return sorted({*super().__dir__(), *self._record})

    def __eq__(self, other):
        return type(self) is type(other) and self._record == other._record

    __hash__ = None

    def to_dict(self):
        """The document itself."""
        return self._record

    def __repr__(self):
        return self._text()

    def _repr_html_(self):
        return f"<pre>{html.escape(self._text())}</pre>"


def _axes(ax):
    """The axes to draw in."""
    if ax is None:
        from matplotlib import pyplot

        ax = pyplot.subplots()[1]
    return ax


def _frame(rows, **kwargs):
    import pandas

    return pandas.DataFrame(rows, **kwargs)


def with_result(interrupt, result):
    """The exception that ended a function early, with what was found so far as its ``result``."""
    interrupt.result = result
    return interrupt
