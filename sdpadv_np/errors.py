"""The errors that a user can meet; each message says what, where, got, expected, and what to do."""


class Error(Exception):
    """Base of every error that this package raises on purpose; the command line prints it as one line."""

    _kept = "\n\t"  # control characters that a message may hold

    def __str__(self) -> str:
        """The message; characters that a terminal would obey (a file may be called "\\x1b[2J") are escaped."""
        return "".join(c if c.isprintable() or c in self._kept else _escaped(c) for c in super().__str__())


def _escaped(character: str) -> str:
    return character.encode("unicode_escape", "surrogatepass").decode()


class ArgumentError(Error, ValueError):
    """An argument has a wrong range, shape, dtype or name."""


class DataError(Error):
    """A data set could not be found or fetched, or is not what it should be."""

    _kept = ""  # its messages hold names from users' files


class FileError(Error, OSError):
    """A file could not be read or written, or does not hold what it should."""

    _kept = ""


class MissingError(Error, ImportError):
    """A required package is not installed."""


class TrainingError(Error, ArithmeticError):
    """A training cannot continue, because a loss or a weight is not finite."""


class AttackError(Error, RuntimeError):
    """An attack failed on some images, because the classifier did."""


class BusyError(Error, RuntimeError):
    """Two uses of the same parameters exclude each other, such as two trainings."""


class OperationError(Error, ValueError):
    """The operands do not fit the operation."""


class GraphError(Error, RuntimeError):
    """The recorded graph cannot be differentiated as requested."""


class PlanError(Error, RuntimeError):
    """A step cannot be recorded and replayed as it is written."""


class GradcheckError(Error, AssertionError):
    """An analytic derivative and its finite difference disagree."""
