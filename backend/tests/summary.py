"""Sums up a run of `./dev test`: the output of each failed test, one line for each suite, and `N passed, N failed` at the end.

Reads the results in a folder: NAME.meson.json (meson's testlog.json, one cmocka program a line) and NAME.junit.xml. A unit
test is one test function of cmocka; a program that crashes, leaks or times out without a failed function counts as one.
"""

import argparse
import json
import pathlib
import re
import sys
import xml.etree.ElementTree as ElementTree

CMOCKA = re.compile(r"\[\s+(OK|FAILED|SKIPPED)\s+\]\s+(?:\S+: )?([A-Za-z_]\w*)\s*$", re.MULTILINE)
OUTPUT_MAX = 12000  # characters of one failed program to show


class Suite:
    def __init__(self, name):
        self.name, self.passed, self.failed, self.skipped = name, 0, 0, 0
        self.failures = []  # (what, output)
        self.skips = []

    def fail(self, what, output):
        self.failures.append((what, output))


def shorten(text):
    if len(text) <= OUTPUT_MAX:
        return text
    half = OUTPUT_MAX // 2
    return f"{text[:half]}\n… {len(text) - OUTPUT_MAX} characters left out …\n{text[-half:]}"


def read_meson(path, suite):
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines():
        program = json.loads(line)
        output = (program.get("stdout") or "") + (program.get("stderr") or "")
        outcome = {"OK": set(), "FAILED": set(), "SKIPPED": set()}
        for status, name in CMOCKA.findall(output):
            outcome[status].add(name)
        failed = outcome["FAILED"]
        suite.passed += len(outcome["OK"] - failed)
        suite.skipped += len(outcome["SKIPPED"])
        suite.skips += [f"{program['name']}: {name}" for name in sorted(outcome["SKIPPED"])]
        if program["result"] == "SKIP" and not outcome["SKIPPED"]:
            suite.skipped += 1
            suite.skips.append(program["name"])
        elif program["result"] not in ("OK", "SKIP", "EXPECTEDFAIL"):
            # a crash, a leak at exit or a timeout is no failure of a test function
            suite.failed += max(1, len(failed))
            what = ", ".join(sorted(failed)) or f"{program['result'].lower()}, status {program.get('returncode')}"
            suite.fail(f"{program['name']}: {what}", output)
        elif not any(outcome.values()):
            suite.passed += 1  # not a cmocka program


def read_junit(path, suite):
    for case in ElementTree.parse(path).getroot().iter("testcase"):
        name = f"{case.get('classname')}.{case.get('name')}"
        bad = [e for e in case if e.tag in ("failure", "error")]
        skip = case.find("skipped")
        if bad:
            suite.failed += 1
            output = "\n".join(f"{e.get('message') or ''}\n{e.text or ''}" for e in bad)
            for stream in ("system-out", "system-err"):
                output += "\n" + (case.findtext(stream) or "")
            suite.fail(name, output)
        elif skip is not None:
            suite.skipped += 1
            suite.skips.append(f"{name}: {skip.get('message') or ''}")
        else:
            suite.passed += 1


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=pathlib.Path)
    parser.add_argument("--allow-empty", action="store_true", help="a suite without a test is no failure")
    arguments = parser.parse_args()
    suites = []
    for path in sorted(arguments.folder.iterdir()):
        suite = Suite(path.name.split(".")[0])
        suites.append(suite)
        try:
            read_meson(path, suite) if path.name.endswith(".meson.json") else read_junit(path, suite)
        except (ValueError, KeyError, ElementTree.ParseError) as error:
            suite.failed += 1
            suite.fail(f"{path}: these results cannot be read", str(error))
        if not (suite.passed or suite.failed or suite.skipped or arguments.allow_empty):
            suite.failed += 1
            suite.fail(suite.name, "no test ran")
    for suite in suites:
        for what, output in suite.failures:
            print(f"\n==== FAILED {suite.name}: {what}\n{shorten(output.strip())}")
    print()
    for suite in suites:
        print(f"  {suite.name:<12} {suite.passed:5} passed {suite.failed:5} failed {suite.skipped:5} skipped")
        for skip in suite.skips:
            print(f"    skipped: {skip}")
    passed, failed, skipped = (sum(getattr(s, k) for s in suites) for k in ("passed", "failed", "skipped"))
    print(f"\n{passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else ""))
    return 1 if failed or not passed else 0


if __name__ == "__main__":
    sys.exit(main())
