"""The errors that a user can meet; each message says what, where, got, expected, and what to do."""


class Error(Exception):
    """Base of every error raised on purpose by this package; the command line prints it as one line."""


class ArgumentError(Error, ValueError):
    """A value handed in by the user is not usable (wrong range, shape, dtype or name)."""


class DataError(Error):
    """A data set could not be found, fetched or trusted."""


class FileError(Error, OSError):
    """A file could not be read or written, or does not hold what it should."""


class MissingError(Error, ImportError):
    """A package that is needed for this is not installed."""


class TrainingError(Error, ArithmeticError):
    """Training cannot go on, because a loss or a weight is no longer finite."""


class AttackError(Error, RuntimeError):
    """An attack failed on some images, because the classifier did."""


class OperationError(Error, ValueError):
    """An operation was given operands that it cannot work on."""


class GraphError(Error, RuntimeError):
    """The recorded graph cannot be differentiated as asked."""


class PlanError(Error, RuntimeError):
    """A step cannot be recorded and replayed as it is written."""


class GradcheckError(Error, AssertionError):
    """An analytic derivative and its finite difference disagree."""
