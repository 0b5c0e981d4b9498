#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Holds the pages against the files of the checkout, so that no page names what is not there.

* Every internal link of a page leads to a file, and its #part to a heading of it.
* No line of a page has more than 100 columns, but for tables, code blocks and long words.
* No line of a meson file has more than 100 columns.
* Every path that docs/howto/ and docs/architecture.md name exists.
* Every test that a page names as `Suite.Case` exists.
* Cases of GoogleTest stand in files named XTest.cpp, in UpperCamelCase, and in no others.
* The picture of the rooms in docs/architecture.md has the arrows of scripts/rooms.py.
* Each how-to is held against the rows, names and members that exist today: for each of them the
  files that the numbered list names are the files in which it stands.

Usage: scripts/check-docs.py [DIR]      the checkout, this one unless another is named
Exit status: 0 when all of that holds, otherwise 1 with a line for each fault.
"""
import pathlib
import re
import sys

sys.dont_write_bytecode = True
import rooms  # noqa: E402

COLUMNS = 100
TREES = ("common", "plugins", "launcher")
PATH = re.compile(r"`((?:common|docs|launcher|pipelines|plugins|scripts|tests|tools)/[^`\s]*)`")
ENTRY = re.compile(r"^\d+\. `([^`]+)`")
LINK = re.compile(r"\]\(([^)\s]+)\)")


class Checkout:
    """The files of one checkout, and the faults that were found in them."""

    def __init__(self, top):
        self.top = top
        self.faults = []
        self.texts = {}

    def fault(self, text):
        self.faults.append(text)

    def has(self, path):
        return (self.top / path).exists()

    def text(self, path):
        if path not in self.texts:
            try:
                self.texts[path] = (self.top / path).read_text(encoding="utf-8")
            except OSError:
                self.texts[path] = ""
                self.fault(f"{path}: there is no such file")
        return self.texts[path]

    def files(self, *patterns):
        """Paths relative to the top, without what is built or installed."""
        found = set()
        for pattern in patterns:
            for path in self.top.glob(pattern):
                name = path.relative_to(self.top).as_posix()
                if not re.search(r"(^|/)(build[^/]*|node_modules|\.git)/", name) and path.is_file():
                    found.add(name)
        return sorted(found)

    def sources(self):
        return self.files(*(f"{tree}/**/*.[ch]pp" for tree in TREES))


def lines_of_prose(text):
    """Number and text of each line outside of code blocks; a code block is told by its fence."""
    fence = None
    for number, line in enumerate(text.splitlines(), 1):
        mark = re.match(r"\s*(```+|~~~+)", line)
        if mark and fence is None:
            fence = mark.group(1)
        elif mark and mark.group(1).startswith(fence):
            fence = None
        elif fence is None:
            yield number, line


def slug(heading):
    heading = re.sub(r"\[([^\]]*)\]\([^)]*\)", r"\1", heading).strip().lower()
    return re.sub(r"[^\w\- ]", "", heading).replace(" ", "-")


def anchors(text):
    found = {}
    for _, line in lines_of_prose(text):
        heading = re.match(r"#+\s+(.*)", line)
        if heading:
            name = slug(heading.group(1))
            found[name] = found.get(name, 0) + 1
    return {name if n == 0 else f"{name}-{n}"
            for name, count in found.items() for n in range(count)}


def check_columns(checkout, page):
    for number, line in lines_of_prose(checkout.text(page)):
        if len(line) <= COLUMNS or line.lstrip().startswith("|"):
            continue
        head = re.match(r"\s*(?:[*-] |\d+\. |#+ |> )?", line).group(0)
        # A heading cannot be broken, nor can one long word.
        if "#" not in head and " " in line[len(head):COLUMNS]:
            checkout.fault(f"{page}:{number}: {len(line)} columns, at most {COLUMNS}")


def check_meson(checkout):
    trees = (*TREES, "pipelines", "tests", "tools")
    for path in checkout.files("meson.build", "meson_options.txt",
                               *(f"{tree}/**/meson.build" for tree in trees)):
        for number, line in enumerate(checkout.text(path).splitlines(), 1):
            if len(line) > COLUMNS:
                checkout.fault(f"{path}:{number}: {len(line)} columns, at most {COLUMNS}")


def check_links(checkout, page):
    for number, line in lines_of_prose(checkout.text(page)):
        for target in LINK.findall(re.sub(r"`[^`]*`", "", line)):
            if re.match(r"[a-z]+:", target):
                continue
            path, _, part = target.partition("#")
            file = (checkout.top / page).parent / path if path else checkout.top / page
            if not file.exists():
                checkout.fault(f"{page}:{number}: link to {target}: there is no such file")
            elif part and part not in anchors(file.read_text(encoding="utf-8")):
                checkout.fault(f"{page}:{number}: link to {target}: there is no such heading")


def check_paths(checkout, page):
    """A path with a placeholder, as in docs/dialects/<name>.md, has to have a file that fits."""
    for number, line in lines_of_prose(checkout.text(page)):
        for path in PATH.findall(line):
            pattern = re.sub(r"<[^>]*>", "*", path).rstrip("/")
            if not any(checkout.top.glob(pattern)):
                checkout.fault(f"{page}:{number}: {path}: there is no such file")


def check_tests(checkout, pages):
    there = set()
    for path in checkout.files("tests/**/*.cpp"):
        cases = re.findall(r"^TEST(?:_[FP])?\((\w+),\s*(\w+)\)", checkout.text(path), re.M)
        there.update(cases)
        if bool(cases) != bool(re.search(r"/[A-Z]\w*Test\.cpp$", path)):
            checkout.fault(f"{path}: XTest.cpp is the name of a file with cases, and of no other")
        for suite, case in cases:
            if not all(re.fullmatch("[A-Z][A-Za-z0-9]*", name) for name in (suite, case)):
                checkout.fault(f"{path}: {suite}.{case} is not in UpperCamelCase")
    for page in pages:
        for number, line in lines_of_prose(checkout.text(page)):
            for suite, case in re.findall(r"`([A-Z]\w+)\.(\w+)`", line):
                if case not in ("cpp", "hpp", "md", "py") and (suite, case) not in there:
                    checkout.fault(f"{page}:{number}: there is no test {suite}.{case}")


def check_picture(checkout):
    page = "docs/architecture.md"
    drawn = {}
    tree = room = None
    picture = re.search(r"## Rooms.*?```\n(.*?)```", checkout.text(page), re.S)
    for line in (picture.group(1) if picture else "").splitlines():
        row = re.match(r"(?:(\w+)|  (\S+))\s*(?:→ (.*))?", line)
        more = re.match(r" {18}(\S.*)", line)
        if row and row.group(1):
            tree = row.group(1)
            drawn[tree] = {}
        elif row and row.group(2):
            room = row.group(2)
            drawn[tree][room] = re.split(r"\s{2,}", row.group(3) or "")[0].split()
        elif more and not line.startswith(" " * 28):
            drawn[tree][room] += more.group(1).split()
    for name, table in (("plugins", rooms.PLUGINS), ("launcher", rooms.LAUNCHER)):
        wanted = {room: allowed.split() for room, allowed in table.items()}
        for room in {**wanted, **drawn.get(name, {})}:
            if drawn.get(name, {}).get(room) != wanted.get(room):
                checkout.fault(f"{page}: the picture of {name}/{room} is not the row of "
                               "scripts/rooms.py")


def entries(checkout, page):
    """The files to touch: what the entries of the numbered lists begin with."""
    found = [m.group(1) for _, line in lines_of_prose(checkout.text(page))
             if (m := ENTRY.match(line))]
    if not found:
        checkout.fault(f"{page}: names no file to touch")
    return found


def expect(checkout, what, named, standing):
    """The files that a page names, and those in which the thing stands."""
    for path in sorted(set(named) - set(standing)):
        checkout.fault(f"{what} does not stand in {path}, where the page sends one")
    for path in sorted(set(standing) - set(named)):
        checkout.fault(f"{what} stands in {path}, which the page does not name")


def dialects(checkout):
    rows = re.search(r"kDialects = \{\{(.*?)\n\}\};", checkout.text("common/DialectInfo.hpp"), re.S)
    return re.findall(r'^    \{"(\w+)"', rows.group(1) if rows else "", re.M)


def check_dialects(checkout):
    page = "docs/howto/add-a-dialect.md"
    named = entries(checkout, page)
    names = dialects(checkout)
    if len(names) < 2:
        checkout.fault("common/DialectInfo.hpp: no rows were found")
    table = checkout.text("plugins/dialects/Dialects.cpp").split("kMakers =")[-1].split("};")[0]
    makers = re.findall(r"\bmake(\w+)Dialect\b", table)
    if [maker.lower() for maker in makers] != names:
        checkout.fault("plugins/dialects/Dialects.cpp: not a maker for each row, in their order")
    for name, maker in zip(names, makers):
        body = [path for path in checkout.files("plugins/dialects/*.cpp")
                if re.search(rf"make{maker}Dialect\(\) \{{", checkout.text(path))]
        if len(body) != 1:
            checkout.fault(f"dialect {name}: make{maker}Dialect() is not defined once: {body}")
            continue
        for entry in named:
            path = entry.replace("<name>", name)
            path = path.replace("plugins/dialects/<Name>Dialect.cpp", body[0])
            word = body[0].rpartition("/")[2] if path == "plugins/meson.build" else name
            if path.startswith("docs/") and "<name>" not in entry:
                word = rf"^\|.*\b{name}\b"  # in a row of a table
            if not checkout.has(path):
                checkout.fault(f"dialect {name}: there is no {path}, which {page} names")
            elif "/corpus/" not in path and not re.search(word, checkout.text(path), re.I | re.M):
                checkout.fault(f"dialect {name} does not stand in {path}, which {page} names")
    # The words twilio, asterisk, vonage and wsbridge have other meanings too; jambonz has none.
    if "jambonz" in names:
        everywhere = [path for path in checkout.files(
            "*.md", "docs/*.md", "docs/dialects/*", "docs/examples/*", "common/*", "plugins/*",
            "plugins/*/*", "launcher/**/*") if "jambonz" in checkout.text(path).lower()
                      and not path.startswith(("CHANGELOG", "docs/glossary"))]
        expect(checkout, f"{page}: jambonz",
               [path.replace("<name>", "jambonz").replace("<Name>", "Jambonz") for path in named
                if not path.startswith("tests/")], everywhere)


def check_codecs(checkout):
    page = "docs/howto/add-a-codec.md"
    named = entries(checkout, page)
    # In small letters it is the format of an endpoint, audio/pcma, which is another matter.
    words = re.compile("PCMA|Pcma")
    standing = [path for path in checkout.sources() if words.search(checkout.text(path))]
    expect(checkout, f"{page}: PCMA", [path for path in named if path.startswith(TREES)], standing)
    for path in named:
        if not path.startswith(TREES) and not words.search(checkout.text(path)):
            checkout.fault(f"{page}: PCMA does not stand in {path}, where the page sends one")


def check_reasons(checkout):
    page = "docs/howto/add-an-end-reason.md"
    named = entries(checkout, page)
    table = checkout.text("launcher/base/CallEnd.cpp")
    rows = re.findall(r'^    \{(\w+), "([a-z-]+)",', table, re.M)
    if len(rows) < 2:
        checkout.fault("launcher/base/CallEnd.cpp: no rows were found")
    limits = re.findall(r"EndReason::(\w+), \"", checkout.text("launcher/admission/Admission.cpp"))
    for enumerator, label in rows:
        words = rf"\b{enumerator}\b|[`\"]{label}[`\"]"
        where = [path for path in named if enumerator in limits or "dmission" not in path
                 and path != "docs/operations.md"]
        for path in where:
            if not re.search(words, checkout.text(path)):
                checkout.fault(f"end reason {label} does not stand in {path}, which {page} names")


def check_properties(checkout):
    page = "docs/howto/add-a-property.md"
    named = entries(checkout, page)
    documented = set()
    for line in checkout.text("docs/elements.md").splitlines():
        if line.startswith("|"):
            documented.update(re.findall(r"`([a-z0-9-]+)`", line.split("|")[1]))
    makers = re.compile(r'(?:param_spec_\w+\(\s*|install(?:String|Uint)\(\s*klass,\s*\w+,\s*|'
                        r'^    \{kProp\w+,\s*)"([a-z0-9-]+)"', re.M)
    count = 0
    for path in checkout.sources():
        if not path.startswith("plugins/"):
            continue
        for name in makers.findall(checkout.text(path)):
            count += 1
            if name not in documented and name != "uri":
                checkout.fault(f"{path}: property {name} has no row in docs/elements.md")
    if count < 20:
        checkout.fault(f"{page}: only {count} properties were found in plugins/")
    members = re.findall(r"^  [\w:<>, ]+ (\w+)(?: = [^;]+)?;", checkout.text(
        "plugins/session/SessionSettings.hpp").split("struct SessionSettings {")[-1]
        .split("std::optional<std::string> merge")[0], re.M)
    merged = re.findall(r"take\(&S::(\w+)\)", checkout.text("plugins/session/SessionSettings.cpp"))
    # The name is what they share, and whether it begins muted the sink alone says.
    for member in sorted(set(members) - set(merged) - {"name", "mute"}):
        checkout.fault(f"plugins/session/SessionSettings.cpp: merge() leaves {member} out")
    if len(members) < 20:
        checkout.fault(f"{page}: only {len(members)} settings were found")
    # One property whose name means nothing else, in each file that the page names.
    for path in named:
        if not re.search("max.control.rate|controlRate", checkout.text(path), re.I):
            checkout.fault(f"{page}: max-control-rate does not stand in {path}")


def main():
    top = pathlib.Path(sys.argv[1] if len(sys.argv) > 1 else pathlib.Path(__file__).parent.parent)
    checkout = Checkout(top.resolve())
    pages = checkout.files("*.md", "docs/**/*.md")
    check_tests(checkout, pages)
    for page in pages:
        check_columns(checkout, page)
        check_links(checkout, page)
    for page in ["docs/architecture.md", *checkout.files("docs/howto/*.md")]:
        check_paths(checkout, page)
    check_meson(checkout)
    check_picture(checkout)
    check_dialects(checkout)
    check_codecs(checkout)
    check_reasons(checkout)
    check_properties(checkout)
    for fault in checkout.faults:
        print(fault, file=sys.stderr)
    return 1 if checkout.faults else 0


if __name__ == "__main__":
    sys.exit(main())
