#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""scripts/check-docs.py with this checkout, and with copies of it that are spoilt in one place.

Usage: check-docs-test.py CHECK-DOCS
"""
import pathlib
import shutil
import subprocess
import sys
import tempfile
import unittest

SCRIPT = pathlib.Path(sys.argv.pop(1)).resolve()
TOP = SCRIPT.parent.parent
PARTS = ("common", "docs", "launcher", "pipelines", "plugins", "scripts", "tests", "tools")


class CheckDocs(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.top = pathlib.Path(directory.name)
        for part in PARTS:
            shutil.copytree(TOP / part, self.top / part,
                            ignore=shutil.ignore_patterns("node_modules", "__pycache__"))
        for page in TOP.glob("*.md"):
            shutil.copy(page, self.top)

    def faults(self):
        done = subprocess.run([sys.executable, "-B", str(SCRIPT), str(self.top)], text=True,
                              capture_output=True, check=False)
        self.assertEqual(done.returncode, 1 if done.stderr else 0, done.stderr)
        return done.stderr

    def replace(self, path, old, new):
        file = self.top / path
        text = file.read_text(encoding="utf-8")
        self.assertIn(old, text)
        file.write_text(text.replace(old, new, 1), encoding="utf-8")

    def append(self, path, text):
        with (self.top / path).open("a", encoding="utf-8") as file:
            file.write(text)

    def test_this_checkout_holds(self):
        self.assertEqual(self.faults(), "")

    def test_columns(self):
        self.append("docs/sip.md", "\n" + "four " * 20 + "\n")  # 99 and the blank at the end
        self.assertEqual(self.faults(), "")
        self.append("docs/sip.md", "\n" + "four " * 20 + "x\n")
        self.assertIn("101 columns", self.faults())

    def test_columns_of_meson_files(self):
        self.append("tests/unit/meson.build", "#" * 100 + "\n")
        self.assertEqual(self.faults(), "")
        self.append("tests/unit/meson.build", "#" * 101 + "\n")
        self.assertIn("101 columns", self.faults())

    def test_columns_of_tables_and_code_are_free(self):
        self.append("docs/sip.md", "\n| " + "four " * 30 + "|\n\n```\n" + "four " * 30 + "\n```\n")
        self.assertEqual(self.faults(), "")

    def test_links(self):
        self.append("docs/sip.md", "\n[a](nowhere.md), [b](operations.md#nowhere) and\n"
                    "[c](operations.md#limits), [d](https://example.org/nowhere.md)\n")
        faults = self.faults()
        self.assertIn("link to nowhere.md: there is no such file", faults)
        self.assertIn("link to operations.md#nowhere: there is no such heading", faults)
        self.assertEqual(len(faults.splitlines()), 2, faults)

    def test_paths(self):
        self.append("docs/architecture.md", "\nSee `plugins/nowhere/Nobody.cpp`.\n")
        self.assertIn("plugins/nowhere/Nobody.cpp: there is no such file", self.faults())

    def test_names_of_tests(self):
        self.append("docs/sip.md", "\n`CallEnd.HeaderTextsCannotBeBrokenOutOf`, `CallEndTest.cpp`\n")
        self.assertEqual(self.faults(), "")
        self.append("docs/sip.md", "\n`CallEnd.nobodyHasWrittenIt`\n")
        self.assertIn("there is no test CallEnd.nobodyHasWrittenIt", self.faults())

    def test_naming_of_tests(self):
        self.append("tests/unit/common/Utf8Test.cpp", "TEST(Utf8, Fine2) {}\nTEST_F(a, B) {}\n"
                    "TEST_P(A, b) {}\nTEST(A, B_C) {}\n")
        self.append("tests/support/TempDir.cpp", "TEST(A, B) {}\n")
        self.append("tests/support/NoTest.cpp", "int x;\n")
        faults = self.faults()
        for name in ("a.B", "A.b", "A.B_C"):
            self.assertIn(f"Utf8Test.cpp: {name} is not in UpperCamelCase", faults)
        self.assertIn("TempDir.cpp: XTest.cpp is the name", faults)
        self.assertIn("NoTest.cpp: XTest.cpp is the name", faults)
        self.assertEqual(len(faults.splitlines()), 5, faults)

    def test_picture(self):
        self.replace("docs/architecture.md", "  rtp           → runtime audio\n",
                     "  rtp           → runtime\n")
        self.assertIn("the picture of plugins/rtp", self.faults())

    def test_a_room_that_is_not_in_the_table(self):
        self.replace("docs/architecture.md", "  runtime     ", "  attic     ")
        self.assertIn("the picture of plugins/attic", self.faults())

    def test_a_dialect_without_its_files(self):
        self.replace("common/DialectInfo.hpp", '    {"jambonz",',
                     '    {"nonesuch", "", "", {}, false},\n    {"jambonz",')
        self.assertIn("not a maker for each row", self.faults())
        self.replace("plugins/dialects/Dialects.cpp", "    makeJambonzDialect}",
                     "    makeNonesuchDialect,\n    makeJambonzDialect}")
        self.assertIn("makeNonesuchDialect() is not defined once", self.faults())
        (self.top / "plugins/dialects/NonesuchDialect.cpp").write_text(
            "// nonesuch\nstd::unique_ptr<Dialect> makeNonesuchDialect() {\n}\n", encoding="utf-8")
        faults = self.faults()
        for path in ("docs/dialects/nonesuch.md", "docs/examples/nonesuch.py",
                     "tests/fuzz/corpus/dialects/nonesuch_words"):
            self.assertIn(f"dialect nonesuch: there is no {path}", faults)
        for path in ("docs/sip.md", "plugins/meson.build", "tests/e2e/Talk.cpp"):
            self.assertIn(f"dialect nonesuch does not stand in {path}", faults)

    def test_a_dialect_somewhere_else(self):
        self.append("launcher/base/Text.cpp", "// jambonz\n")
        self.assertIn("stands in launcher/base/Text.cpp, which the page does not name",
                      self.faults())

    def test_a_codec_somewhere_else(self):
        self.append("launcher/base/Text.cpp", "// PCMA\n")
        self.assertIn("PCMA stands in launcher/base/Text.cpp", self.faults())

    def test_a_reason_without_its_files(self):
        self.replace("launcher/base/CallEnd.cpp", '    {UriMissing, "uri-missing",',
                     '    {Nobody, "nobody-knows", kGateway, 400, "", "", 1000},\n'
                     '    {UriMissing, "uri-missing",')
        faults = self.faults()
        for path in ("launcher/base/CallEnd.hpp", "docs/sip.md", "tests/e2e/Gateway.cpp"):
            self.assertIn(f"end reason nobody-knows does not stand in {path}", faults)
        self.assertEqual(len(faults.splitlines()), 3, faults)

    def test_a_limit_without_its_page(self):
        self.replace("docs/operations.md", "| `loops-busy` |", "| |")
        text = (self.top / "docs/operations.md").read_text(encoding="utf-8")
        (self.top / "docs/operations.md").write_text(text.replace("`loops-busy`", ""),
                                                     encoding="utf-8")
        self.assertIn("end reason loops-busy does not stand in docs/operations.md", self.faults())

    def test_a_property_without_its_row(self):
        self.replace("docs/elements.md", "| `ping-interval` |", "| |")
        self.assertIn("property ping-interval has no row", self.faults())

    def test_a_setting_that_is_not_merged(self):
        self.replace("plugins/session/SessionSettings.cpp", "  take(&S::proxy);\n", "")
        self.assertIn("merge() leaves proxy out", self.faults())

    def test_a_how_to_that_names_too_much_or_nothing(self):
        self.replace("docs/howto/add-a-codec.md", ". `launcher/base/Codec.cpp`",
                     ". `launcher/base/Text.cpp`")
        faults = self.faults()
        self.assertIn("PCMA does not stand in launcher/base/Text.cpp", faults)
        self.assertIn("PCMA stands in launcher/base/Codec.cpp", faults)
        (self.top / "docs/howto/add-a-codec.md").write_text("# Nothing\n", encoding="utf-8")
        self.assertIn("names no file to touch", self.faults())


unittest.main()
