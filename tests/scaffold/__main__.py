"""`python -m tests.scaffold pbx|crm NAME`: write the folder of a new make."""

import sys
from pathlib import Path

from tests.scaffold.write import NotPossible, write

ROOT = Path(__file__).parents[2]
NEXT = """\
{folder} is written. What to do next:

  1. grep -rn "FILL IN" {folder}       # what is the vendor's to say
  2. put a recording or the vendor's own example into {folder}/samples; its format: tests/contract/samples.py
  3. ./dev test tests/contract -k {name}
  4. ./dev docs                        # the row in README.md
  5. ./dev demo --{group} {name}

{open}CONTRIBUTING.md has the rules."""
OPEN = {
    "pbx": "One contract test fails until a sample is `recorded` or `documented`: test_the_folder_is_whole.\n",
    "crm": "",
}


def main() -> None:
    """Read the command line and write."""
    if len(sys.argv) != 3 or sys.argv[1] not in OPEN:
        sys.exit("usage: ./dev new-pbx NAME, or ./dev new-crm NAME")
    group, name = sys.argv[1:]
    try:
        folder = write(ROOT, group, name).relative_to(ROOT)
    except NotPossible as error:
        print(f"dev: {error}", file=sys.stderr)
        sys.exit(2)
    print(NEXT.format(folder=folder, name=name, group=group, open=OPEN[group]))


if __name__ == "__main__":
    main()
