"""What the programs of this folder share: their command line, and the form of the documents that they write."""
import argparse
from pathlib import Path

from sdpadv_np.evaluation import tables
from sdpadv_np.storage import files

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


def document(title: str, *parts) -> str:
    """A Markdown document: paragraphs, of which empty ones are left out, and tables, (rows, columns) each."""
    texts = [tables.markdown(*part) if isinstance(part, tuple) else part for part in parts]
    return "\n\n".join(filter(None, (f"# {title}", *texts))) + "\n"


def write(folder: Path, contents: dict) -> None:
    """Write files in ``folder``: {name: text, or a record, which is written as JSON}."""
    for name, content in contents.items():
        (files.write_text if isinstance(content, str) else files.write_json)(folder / name, content)


def machine(made: dict) -> str:
    """The provenance of a result in one line."""
    return ", ".join(f"{name} {value}" for name, value in made.items())
