from . import landscape as landscape
from . import problems as problems
from . import scanpy as scanpy
from ._estimator import ConvergenceWarning as ConvergenceWarning
from ._estimator import NotFittedError as NotFittedError
from ._evidence import audit as audit
from ._evidence import line as line
from ._evidence import rank_sweep as rank_sweep
from ._nmf import NMF as NMF
from ._nmf import MiniBatchNMF as MiniBatchNMF
from ._records import Audit as Audit
from ._records import Fit as Fit
from ._records import Line as Line
from ._records import RankSweep as RankSweep
from ._recovery import MatrixCompletion as MatrixCompletion
from ._recovery import Recovery as Recovery
from ._recovery import RobustPCA as RobustPCA
from ._recovery import recover as recover
from ._recovery import verify as verify

__version__: str
