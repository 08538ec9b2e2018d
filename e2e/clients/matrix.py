"""Which call of which client works: each test says what it shows, and the run is written down as docs/clients.md.

A test is marked `@calls("jsforce", "query", "queryMore")`. A call works if all tests that are marked with it pass. One that does not
work yet has an `xfail` with its reason, which goes into the table; as soon as it works, the run fails and says so.
"""

import difflib
import json
import os
from importlib import metadata
from pathlib import Path

import pytest

HERE = Path(__file__).parent
TABLE = HERE.parent.parent / "docs/clients.md"
REWRITE = "cargo xtask clients-table"

INTRODUCTION = f"""\
# Salesforce clients and `syncline org`

Programs that nobody here wrote, run unchanged against [the emulated org](org.md) whenever the project is tested. This page is the
record of such a run: `{REWRITE}` writes it, and `cargo xtask test --only clients` fails if it is not what it finds.
"""


def calls(client, *names):
    return pytest.mark.calls(client, *names)


def python_package(name):
    return f"{name} {metadata.version(name)} (PyPI)"


def npm_package(name, folder="."):
    manifest = HERE / folder / "node_modules" / name / "package.json"
    return f"{name} {json.loads(manifest.read_text())['version']} (npm)"


def tap_package():
    [folder] = (HERE / "tap/.venv/lib").glob("python3*/site-packages/tap_salesforce-*.dist-info")
    return f"tap-salesforce {folder.name.removesuffix('.dist-info').split('-')[1]} (PyPI)"


# In the order of the page: the client's name in tests, what it is, and how it is aimed at an org on this machine.
CLIENTS = {
    "simple-salesforce": (
        lambda: python_package("simple-salesforce"),
        "It speaks https alone: to the org's https port, whose authority it learns from `REQUESTS_CA_BUNDLE`; where it insists on "
        "`login.salesforce.com`, a `requests.Session` with an adapter sends the request to the org.",
    ),
    "jsforce": (lambda: npm_package("jsforce"), "`loginUrl` and `instanceUrl` are the org's http address."),
    "sf": (
        lambda: npm_package("@salesforce/cli", "cli"),
        "The official command line, on Node 22; `--instance-url` is the org's http address, and so is `SF_AUDIENCE_URL` for the JWT.",
    ),
    "salesforce-pubsub-api-client": (
        lambda: npm_package("salesforce-pubsub-api-client"),
        "`pubSubEndpoint` is the org's gRPC port with TLS, with `rejectUnauthorizedSsl: false`; `loginUrl` is its http address.",
    ),
    "pub-sub-api": (
        lambda: python_package("cgo-sfdc-pub-sub"),
        "Salesforce's own Python sample, `PubSub.py` and `ChangeEventHeaderUtility.py` of forcedotcom/pub-sub-api, as this package "
        "ships it. It trusts what `certifi` names, so `certifi.where()` is made to name the org's authority.",
    ),
    "tap-salesforce": (
        tap_package,
        "The login host is hard-coded: a `sitecustomize` sends what goes to `*.salesforce.com` to the org.",
    ),
}


def pytest_addoption(parser):
    parser.addoption("--clients-table", choices=["check", "write"], help="compare docs/clients.md with the run, or write it")


def pytest_configure(config):
    if config.getoption("--clients-table"):
        config.pluginmanager.register(Matrix(config.getoption("--clients-table") == "write"))


class Matrix:
    """What the tests of one run showed."""

    def __init__(self, is_written):
        self.is_written = is_written
        # By client and call, in the order of the tests: for each test None if it passed, else the reason why it cannot.
        self.shown = {client: {} for client in CLIENTS}
        self.marks = {}
        self.difference = []

    def pytest_collection_modifyitems(self, items):
        for item in items:
            marks = [(mark.args[0], mark.args[1:]) for mark in item.iter_markers("calls")]
            self.marks[item.nodeid] = marks
            for client, names in marks:
                for name in names:
                    self.shown[client].setdefault(name, [])

    def pytest_runtest_logreport(self, report):
        if report.when != "call" and report.passed:
            return
        reason = getattr(report, "wasxfail", None)
        for client, names in self.marks[report.nodeid]:
            for name in names:
                self.shown[client][name].append(reason)

    def pytest_sessionfinish(self, session, exitstatus):
        if exitstatus != pytest.ExitCode.OK:
            return
        page, committed = self.page(), TABLE.read_text() if TABLE.exists() else ""
        if self.is_written:
            TABLE.write_text(page)
        elif page != committed:
            lines = (committed.splitlines(), page.splitlines())
            self.difference = list(difflib.unified_diff(*lines, "docs/clients.md", "this run", lineterm="", n=0))
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter):
        if self.difference:
            terminalreporter.section("docs/clients.md is not what this run found", red=True)
            terminalreporter.write(os.linesep.join(self.difference) + os.linesep)
            terminalreporter.write_line(f"If the run is right, write it down: {REWRITE}")

    def page(self):
        parts = [INTRODUCTION]
        for client, (version, aim) in CLIENTS.items():
            rows = [f"| {shown_name(name)} | {verdict(tests)} |" for name, tests in self.shown[client].items()]
            parts.append("\n".join([f"## {version()}\n", f"{aim}\n", "| call | works |", "|---|---|", *rows]) + "\n")
        return "\n".join(parts)


def shown_name(name):
    return f"`{name.replace('|', chr(92) + '|')}`"


def verdict(tests):
    reasons = list(dict.fromkeys(reason for reason in tests if reason is not None))
    if not reasons:
        return "yes"
    in_words = "; ".join(reasons)
    return f"no: {in_words}" if None not in tests else f"in part: {in_words}"
