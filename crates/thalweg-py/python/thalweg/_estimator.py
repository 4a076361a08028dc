"""The contract of scikit-learn's estimators, kept without scikit-learn."""

import inspect
import sys

import numpy as np

from ._arrays import dense, is_sparse, names_of


class NotFittedError(ValueError, AttributeError):
    """The estimator was used before it was fitted. Where scikit-learn is loaded, its class of that name is raised."""


class ConvergenceWarning(UserWarning):
    """A fit ended before it converged. Where scikit-learn is loaded, its class of that name is warned with."""


def exception(cls):
    """The class of the same name in scikit-learn if that is loaded, so that its users catch what they expect."""
    if "sklearn" in sys.modules:
        from sklearn import exceptions

        return getattr(exceptions, cls.__name__)
    return cls


class Estimator:
    """Parameters are the arguments of ``__init__``, stored under their names and not looked at before a fit."""

    # -- parameters

    @classmethod
    def _parameters(cls):
        return [p for p in inspect.signature(cls.__init__).parameters.values() if p.name != "self"]

    def _keep_parameters(self, arguments):
        """Each argument of ``__init__`` under its name."""
        for parameter in self._parameters():
            setattr(self, parameter.name, arguments[parameter.name])

    def get_params(self, deep=True):
        """The parameters by name."""
        return {p.name: getattr(self, p.name) for p in self._parameters()}

    def set_params(self, **params):
        """Sets parameters by name."""
        known = [p.name for p in self._parameters()]
        for name, value in params.items():
            if name not in known:
                raise ValueError(f"Invalid parameter {name!r} for estimator {self!r}. Valid parameters are: {known!r}.")
            setattr(self, name, value)
        return self

    def __repr__(self):
        changed = [(p.name, getattr(self, p.name)) for p in self._parameters() if not _same(getattr(self, p.name), p.default)]
        return f"{type(self).__name__}({', '.join(f'{name}={value!r}' for name, value in changed)})"

    # -- what scikit-learn asks

    def __sklearn_tags__(self):
        from sklearn.utils import InputTags, Tags, TargetTags, TransformerTags

        return Tags(
            estimator_type=None,
            target_tags=TargetTags(required=False),
            transformer_tags=TransformerTags(preserves_dtype=["float64", "float32"]),
            input_tags=InputTags(sparse=self._takes_sparse, allow_nan=True, positive_only=self._takes_positive_only),
        )

    _takes_sparse = True
    _takes_positive_only = True

    def __sklearn_is_fitted__(self):
        return hasattr(self, "components_")

    def _check_fitted(self):
        if not self.__sklearn_is_fitted__():
            name = type(self).__name__
            raise exception(NotFittedError)(f"This {name} instance is not fitted yet. Call 'fit' with appropriate arguments first.")

    # -- input

    def _checked(self, X, reset):
        """X as an array or sparse matrix of float64 or float32, held to the columns of the fit unless it is one (``reset``).

        scikit-learn's own checks where it is loaded: the same refusals as its estimators.
        """
        if "sklearn" in sys.modules:
            from sklearn.utils.validation import validate_data

            kinds = {"accept_sparse": ["csr", "csc"] if self._takes_sparse else False, "dtype": [np.float64, np.float32]}
            return validate_data(self, _masked_as_nan(X), reset=reset, ensure_all_finite=False, **kinds)
        names = names_of(X, 1)
        names = names if names is not None and all(isinstance(name, str) for name in names) else None
        if not is_sparse(X):
            X = dense(X)
        if 0 in X.shape:
            raise ValueError(f"X has {X.shape[0]} samples and {X.shape[1]} features, expected at least one of each")
        if reset:
            self.n_features_in_ = X.shape[1]
            self.__dict__.pop("feature_names_in_", None)
            if names is not None:
                self.feature_names_in_ = names
        elif X.shape[1] != self.n_features_in_:
            name = type(self).__name__
            raise ValueError(f"X has {X.shape[1]} features, but {name} is expecting {self.n_features_in_} features as input")
        elif names is not None and hasattr(self, "feature_names_in_") and list(names) != list(self.feature_names_in_):
            raise ValueError("the feature names of X are not those of the fit")
        return X

    def _seed(self):
        """The seed that ``random_state`` stands for; 0 where it is None."""
        state = self.random_state
        if state is None:
            return 0
        if isinstance(state, (int, np.integer)):
            if state < 0:
                raise ValueError(f"random_state is {state}, expected a number that is not negative")
            return int(state)
        if isinstance(state, np.random.Generator):
            return int(state.integers(2**31))
        if hasattr(state, "randint"):
            return int(state.randint(2**31 - 1))
        raise ValueError(f"random_state is {state!r}, expected a whole number, a generator of NumPy, or None")

    # -- output

    def set_output(self, *, transform=None):
        """What ``transform`` returns: "default" (an array), "pandas" or "polars"."""
        if transform is not None:
            if transform not in ("default", "pandas", "polars"):
                raise ValueError(f"transform is {transform!r}, expected 'default', 'pandas' or 'polars'")
            self._sklearn_output_config = {"transform": transform}
        return self

    def get_feature_names_out(self, input_features=None):
        """The names of the components."""
        self._check_fitted()
        return np.asarray([f"{type(self).__name__.lower()}{k}" for k in range(len(self.components_))], dtype=object)

    def _output(self, U, X):
        """U in the container that was asked for, with the row labels of X."""
        wanted = getattr(self, "_sklearn_output_config", {}).get("transform")
        if wanted is None and "sklearn" in sys.modules:
            import sklearn

            wanted = sklearn.get_config()["transform_output"]
        if wanted == "pandas":
            import pandas

            index = X.index if hasattr(X, "columns") and hasattr(X, "index") else names_of(X, 0)
            return pandas.DataFrame(U, index=index, columns=self.get_feature_names_out(), copy=False)
        if wanted == "polars":
            import polars

            return polars.DataFrame(U, schema=list(self.get_feature_names_out()), orient="row")
        return U


def _same(value, default):
    return value is default or (type(value) is type(default) and not isinstance(value, np.ndarray) and value == default)


def _masked_as_nan(X):
    return dense(X) if isinstance(X, np.ma.MaskedArray) else X
