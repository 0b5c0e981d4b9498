#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""scripts/count-tests.py with the runs that .ci/run makes. Usage: count-tests-test.py COUNT-TESTS"""
import json
import os
import subprocess
import sys
import tempfile
import unittest

SCRIPT = sys.argv.pop(1)
GTEST = '<testsuite name="gst-wsbridge.{0}.{1}">{2}</testsuite>'
PLAIN = '<testsuite name="gst-wsbridge">{0}</testsuite>'
CASE = '<testcase classname="{0}" name="{1}">{2}</testcase>'
BAD = '<failure message="no"/>'


def suite(program, **cases):
    inner = "".join(CASE.format("Suite", name, text) for name, text in cases.items())
    return GTEST.format(program, "Suite", inner)


def alone(program, text=""):
    return PLAIN.format(CASE.format(program, program, text))


class CountTests(unittest.TestCase):
    def setUp(self):
        self.directory = tempfile.TemporaryDirectory()
        self.addCleanup(self.directory.cleanup)
        self.files = []

    def run_of(self, *suites, log=None):
        path = os.path.join(self.directory.name, f"results.{len(self.files)}.xml")
        with open(path, "w", encoding="utf-8") as file:
            file.write("<testsuites>" + "".join(suites) + "</testsuites>")
        for name, result in (log or {}).items():
            with open(path[:-4] + ".json", "a", encoding="utf-8") as file:
                file.write(json.dumps({"name": "gst-wsbridge:unit / " + name, "result": result}) + "\n")
        self.files.append(path)

    def count(self):
        done = subprocess.run([sys.executable, SCRIPT, *self.files], capture_output=True, text=True, check=False)
        return done.returncode, done.stdout.splitlines()

    def test_all_passed_at_once(self):
        self.run_of(suite("unit", A="", B=""), alone("install"))
        self.assertEqual(self.count(), (0, ["3 passed, 0 failed"]))

    def test_passed_in_the_second_run_is_flaky_by_name(self):
        self.run_of(suite("unit", A=BAD, B=""), suite("other", C=""))
        self.run_of(suite("unit", A="", B=""))
        status, lines = self.count()
        self.assertEqual(status, 0)
        self.assertRegex(lines[0], r"^FLAKY: unit: Suite\.A in .* \(1 of 2 runs failed\)$")
        self.assertRegex(lines[1], r"^1 FLAKY")
        self.assertEqual(lines[2:], ["3 passed, 0 failed"])

    def test_passed_in_the_third_run_is_flaky(self):
        self.run_of(suite("unit", A=BAD))
        self.run_of(suite("unit", A=BAD))
        self.run_of(suite("unit", A=""))
        status, lines = self.count()
        self.assertEqual(status, 0)
        self.assertIn("2 of 3 runs failed", lines[0])

    def test_failed_three_times_is_failed_and_not_flaky(self):
        for _ in range(3):
            self.run_of(suite("unit", A=BAD, B=""))
        status, lines = self.count()
        self.assertEqual(status, 1)
        self.assertRegex(lines[0], r"^failed: unit: Suite\.A in .* \(3 of 3 runs failed\)$")
        self.assertEqual(lines[1:], ["1 passed, 1 failed"])

    def test_what_fails_first_in_the_last_run_is_failed(self):
        self.run_of(suite("unit", A=BAD, B=""))
        self.run_of(suite("unit", A="", B=BAD))
        status, lines = self.count()
        self.assertEqual(status, 1)
        self.assertRegex(lines[0], "^failed: unit: Suite.B")
        self.assertRegex(lines[1], "^FLAKY: unit: Suite.A")

    def test_a_program_that_crashed_and_passed_is_flaky(self):
        self.run_of(alone("unit", BAD))
        self.run_of(suite("unit", A="", B=""))
        status, lines = self.count()
        self.assertEqual(status, 0)
        self.assertRegex(lines[0], "^FLAKY: unit: unit in ")
        self.assertEqual(lines[-1], "2 passed, 0 failed")

    def test_a_program_that_fails_without_a_case_is_failed(self):
        self.run_of(suite("unit", A=""), log={"unit": "FAIL"})
        status, lines = self.count()
        self.assertEqual(status, 1)
        self.assertEqual(lines[-1], "1 passed, 1 failed")
        self.run_of(suite("unit", A=""), log={"unit": "OK"})
        self.assertEqual(self.count()[0], 0)

    def test_the_names_of_a_newer_meson(self):
        long = "gst-wsbridge:unit / "
        self.run_of(suite(long + "unit", A=BAD), alone(long + "install"), log={"unit": "FAIL", "install": "OK"})
        status, lines = self.count()
        self.assertEqual(status, 1)
        self.assertRegex(lines[0], r"^failed: unit: Suite\.A in ")
        self.assertEqual(lines[1:], ["1 passed, 1 failed"])

    def test_nothing_passed_is_a_failure(self):
        self.run_of(suite("unit", A="<skipped/>"))
        self.assertEqual(self.count(), (1, ["0 passed, 0 failed, 1 skipped"]))


unittest.main()
