"""The errors that a user can meet; each message says what, where, got, expected, and what to do."""


class Error(Exception):
    """Base of every error raised on purpose by this package; the command line prints it as one line."""

    _kept = "\n\t"

    def __str__(self):
        """The message; what a terminal would obey (a file may be called "\\x1b[2J") is written as an escape."""
        return "".join(c if c.isprintable() or c in self._kept else c.encode("unicode_escape", "surrogatepass").decode() for c in super().__str__())


class ArgumentError(Error, ValueError):
    """A value handed in by the user is not usable (wrong range, shape, dtype or name)."""


class DataError(Error):
    """A data set could not be found, fetched or trusted."""

    _kept = ""  # names in it come from files of others


class FileError(Error, OSError):
    """A file could not be read or written, or does not hold what it should."""

    _kept = ""


class MissingError(Error, ImportError):
    """A package that is needed for this is not installed."""


class TrainingError(Error, ArithmeticError):
    """Training cannot go on, because a loss or a weight is no longer finite."""


class AttackError(Error, RuntimeError):
    """An attack failed on some images, because the classifier did."""


class BusyError(Error, RuntimeError):
    """Parameters are asked for two things at once that exclude each other, such as two trainings."""


class OperationError(Error, ValueError):
    """An operation was given operands that it cannot work on."""


class GraphError(Error, RuntimeError):
    """The recorded graph cannot be differentiated as asked."""


class PlanError(Error, RuntimeError):
    """A step cannot be recorded and replayed as it is written."""


class GradcheckError(Error, AssertionError):
    """An analytic derivative and its finite difference disagree."""
