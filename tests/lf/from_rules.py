#!/usr/bin/env python3
"""Write sms.lf and trec.lf from the rule tables of the shared benchmark data.

    python3 from_rules.py [FOLDER]

FOLDER holds sms/ and trec/, each with rules.tsv and meta.json; without it,
the environment variable SYNTH_BENCH_DATA says where they are. The two files
are written beside this script.

A rule is a regular expression, searched for in the lower-cased text without
the white space around it, and the class it votes for. The expressions are
taken over letter for letter; only a slash is escaped. The names are made
here: the number of the vote column, then the first word of each part.
"""

import json
import os
import pathlib
import re
import sys

HEADERS = {
    "sms": """\
# SMS spam: the 73 rules of the benchmark set, in the order of its vote columns.
# Written by from_rules.py; change that, not this. README.md says where they come from.
""",
    "trec": """\
# TREC question types: the 68 rules of the benchmark set, in the order of its vote columns.
# Written by from_rules.py; change that, not this. README.md says where they come from.
#
# Columns 8 and 39 are the same rule in the source, and so are 27 and 62; 63 is
# written otherwise and always votes as 8 does.
""",
}


def rules(path):
    """Yield (class index, expression) for each line of a rule table."""
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        fields = line.split("\t")
        if len(fields) < 3:
            raise SystemExit(f"{path}:{number}: expected class, class index and rule")
        yield int(fields[1]), fields[2]


def name(column, expression):
    """Name a rule after its column and the first choice of each word group."""
    groups = re.findall(r"\(([^()]*)\)", expression)
    words = []
    for group in groups:
        first = group.split("|")[0].replace("\\", "")
        word = re.sub(r"[^a-z0-9]+", "_", first.replace("'", "").lower()).strip("_")
        # `( |^)`, `(\w+ )` and `([^\s]+ )` are joints, not words.
        if word and group not in (" |^", " |$", r"\w+ ", r"[^\s]+ "):
            words.append(word)
    return "_".join([f"r{column:02}", *words])


def write(folder, data_set, out):
    meta = json.loads((folder / data_set / "meta.json").read_text(encoding="utf-8"))
    classes = meta["classes"]
    lines = [HEADERS[data_set], f"classes {', '.join(classes)}\n"]
    for column, (index, expression) in enumerate(rules(folder / data_set / "rules.tsv")):
        regex = expression.replace("/", r"\/")
        lines.append(
            f"lf {name(column, expression)} {classes[index]} when trim(lower(text)) ~ /{regex}/"
        )
    target = out / f"{data_set}.lf"
    target.write_text("\n".join(lines) + "\n", encoding="utf-8")
    print(f"{target.name}: {len(lines) - 2} functions")


def main():
    folder = sys.argv[1] if len(sys.argv) > 1 else os.environ.get("SYNTH_BENCH_DATA")
    if not folder:
        raise SystemExit("give the folder of the benchmark data, or set SYNTH_BENCH_DATA")
    for data_set in HEADERS:
        write(pathlib.Path(folder), data_set, pathlib.Path(__file__).resolve().parent)


if __name__ == "__main__":
    main()
