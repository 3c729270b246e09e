"""What the programs of this folder share: their command line, and the form of the documents that they write."""
import argparse
from pathlib import Path

RESULTS = Path(__file__).parent / "results"


def parser(description: str, **options) -> argparse.ArgumentParser:
    """The parser of a program: ``seed=0, quick=False, output=RESULTS`` gives --seed INT, --quick and --output PATH.

    An option is its default, or a dict of the arguments of ``add_argument``.
    """
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, option in options.items():
        if option is False:
            option = {"action": "store_true"}
        elif not isinstance(option, dict):
            option = {"type": type(option), "default": option, "metavar": "DIR" if isinstance(option, Path) else "N"}
        made.add_argument("--" + name.replace("_", "-"), **option)
    return made


def document(title: str, *paragraphs: str) -> str:
    """A Markdown document; empty paragraphs are left out."""
    return "\n\n".join(filter(None, (f"# {title}", *paragraphs))) + "\n"


def machine(made: dict) -> str:
    """The provenance of a result in one line."""
    return ", ".join(f"{name} {value}" for name, value in made.items())
