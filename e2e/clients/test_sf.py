"""The official command line does what its users do with it, against the org alone."""

import csv
import json
import os
import subprocess
import uuid

import pytest
import requests

from conftest import HERE
from matrix import calls

CLIENT = "sf"
CLI = HERE / "cli/node_modules"
DEADLINE_S = 120


class SfError(Exception):
    """What `sf` said of its failure."""


class Sf:
    """`sf` with a home of its own."""

    def __init__(self, home, org):
        [node] = CLI.glob("node-linux-*/bin/node")
        self.command = [node, "--no-deprecation", CLI / "@salesforce/cli/bin/run.js"]
        self.folder = home
        self.environment = os.environ | {
            "HOME": str(home),
            "SF_ACCESS_TOKEN": org["org_access_token"],
            "SF_AUDIENCE_URL": org["org_url"],
            "SF_AUTOUPDATE_DISABLE": "true",
            "SF_DISABLE_TELEMETRY": "true",
            "SF_SKIP_NEW_VERSION_CHECK": "true",
            # There is no keychain on a machine of CI's.
            "SF_USE_GENERIC_UNIX_KEYCHAIN": "true",
        }

    def run(self, line, *more):
        """The result of a command, read from its JSON; `more` are arguments with spaces."""
        command = [*self.command, *line.split(), *more, "--json"]
        run = subprocess.run(command, env=self.environment, cwd=self.folder, capture_output=True, text=True, timeout=DEADLINE_S)
        try:
            answer = json.loads(run.stdout)
        except json.JSONDecodeError:
            raise SfError(run.stdout + run.stderr) from None
        if run.returncode != 0:
            raise SfError(f"{answer['name']}: {answer['message']}")
        return answer["result"]


@pytest.fixture(scope="module")
def sf(org, tmp_path_factory):
    """Signed in with an access token."""
    sf = Sf(tmp_path_factory.mktemp("sf"), org)
    signed_in = sf.run(f"org login access-token --instance-url {org['org_url']} --no-prompt --alias emulated --set-default")
    assert (signed_in["orgId"], signed_in["username"]) == (org["org_id"], org["org_username"])
    return sf


def unique():
    return f"conformance-{uuid.uuid4().hex[:12]}"


@calls(CLIENT, "org login access-token", "org display")
def test_a_person_signs_in_with_a_token(sf, org):
    shown = sf.run("org display")
    assert (shown["id"], shown["username"], shown["connectedStatus"]) == (org["org_id"], org["org_username"], "Connected")


@calls(CLIENT, "org login jwt")
def test_a_program_signs_in_with_a_signed_assertion(org, tmp_path):
    # It keeps one way in for each user.
    sf = Sf(tmp_path, org)
    subject = ["-subj", "/CN=conformance", "-days", "1"]
    files = ["-keyout", sf.folder / "jwt.key", "-out", sf.folder / "jwt.crt"]
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", *files, *subject], check=True, capture_output=True)
    app = {"certificate": (sf.folder / "jwt.crt").read_text(), "pre_authorized": True}
    requests.put(f"{org['org_url']}/__control/apps/conformance-jwt", json=app, timeout=10).raise_for_status()
    who = f"--username {org['org_username']} --client-id conformance-jwt --jwt-key-file jwt.key"
    signed_in = sf.run(f"org login jwt {who} --instance-url {org['org_url']} --set-default")
    assert signed_in["orgId"] == org["org_id"]
    assert sf.run("org display")["connectedStatus"] == "Connected"


@calls(CLIENT, "data query")
def test_a_query_is_answered(sf):
    answer = sf.run("data query --query", "SELECT Id, LastName, Account.Name FROM Contact WHERE AccountId != null LIMIT 3")
    assert answer["totalSize"] == 3 and all(each["Account"]["Name"] for each in answer["records"])
    with pytest.raises(SfError, match="No such column 'Nothing'"):
        sf.run("data query --query", "SELECT Nothing FROM Contact")


@calls(CLIENT, "data create record", "data get record", "data update record", "data delete record")
def test_a_record_is_created_read_changed_and_deleted(sf):
    name = unique()
    account_id = sf.run("data create record --sobject Account --values", f"Name='{name}' NumberOfEmployees=7")["id"]
    assert sf.run(f"data get record --sobject Account --record-id {account_id}")["NumberOfEmployees"] == 7
    sf.run("data update record --sobject Account --where", f"Name='{name}'", "--values", "Phone='+47 55'")
    assert sf.run(f"data get record --sobject Account --record-id {account_id}")["Phone"] == "+47 55"
    assert sf.run(f"data delete record --sobject Account --record-id {account_id}")["success"] is True


@calls(CLIENT, "data export tree", "data import tree")
def test_a_tree_is_exported_and_imported(sf, sf_org):
    name = unique()
    account_id = sf_org.Account.create({"Name": name})["id"]
    for last_name in ("One", "Two"):
        sf_org.Contact.create({"LastName": last_name, "AccountId": account_id})
    soql = f"SELECT Name, (SELECT LastName FROM Contacts) FROM Account WHERE Name = '{name}'"
    sf.run("data export tree --plan --output-dir tree --query", soql)
    [plan] = (sf.folder / "tree").glob("*plan.json")
    imported = sf.run(f"data import tree --plan {plan}")
    assert sorted(each["type"] for each in imported) == ["Account", "Contact", "Contact"]
    copies = sf_org.query(f"SELECT Id, (SELECT LastName FROM Contacts ORDER BY LastName) FROM Account WHERE Name = '{name}'")
    copy = next(each for each in copies["records"] if each["Id"] != account_id)
    assert [each["LastName"] for each in copy["Contacts"]["records"]] == ["One", "Two"]


def written(file, rows):
    with file.open("w", newline="") as out:
        lines = csv.DictWriter(out, rows[0].keys(), lineterminator="\n")
        lines.writeheader()
        lines.writerows(rows)
    return file


@calls(CLIENT, "data import bulk", "data update bulk", "data upsert bulk", "data delete bulk")
def test_files_are_written_in_bulk(sf, sf_org):
    keys = [unique(), unique()]
    rows = [{"Name": "New", "External_Id__c": key} for key in keys]
    file = written(sf.folder / "accounts.csv", rows)
    assert sf.run(f"data import bulk --sobject Account --wait 2 --file {file}")["processedRecords"] == 2
    found = [sf_org.Account.get_by_custom_id("External_Id__c", key)["Id"] for key in keys]
    file = written(sf.folder / "changes.csv", [{"Id": each, "Name": "Changed"} for each in found])
    assert sf.run(f"data update bulk --sobject Account --wait 2 --file {file}")["successfulRecords"] == 2
    file = written(sf.folder / "both.csv", [{"External_Id__c": key, "Name": "Both"} for key in (keys[0], unique())])
    upserted = sf.run(f"data upsert bulk --sobject Account --external-id External_Id__c --wait 2 --file {file}")
    assert upserted["jobInfo"]["numberRecordsProcessed"] == 2 and upserted["jobInfo"]["numberRecordsFailed"] == 0
    assert [sf_org.Account.get(each)["Name"] for each in found] == ["Both", "Changed"]
    file = written(sf.folder / "gone.csv", [{"Id": each} for each in found])
    assert sf.run(f"data delete bulk --sobject Account --wait 2 --file {file}")["jobInfo"]["numberRecordsProcessed"] == 2
    assert sf_org.query(f"SELECT Id FROM Account WHERE External_Id__c = '{keys[0]}'")["totalSize"] == 0


@calls(CLIENT, "data export bulk")
def test_a_query_is_exported_in_bulk(sf, sf_org):
    line = "data export bulk --output-file contacts.csv --result-format csv --wait 2 --query"
    exported = sf.run(line, "SELECT Id, Email, Account.Name FROM Contact")
    with (sf.folder / "contacts.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == exported["totalSize"] == sf_org.query("SELECT COUNT() FROM Contact")["totalSize"]
    assert set(rows[0]) == {"Id", "Email", "Account.Name"}


@calls(CLIENT, "sobject list", "sobject describe")
def test_objects_are_listed_and_described(sf):
    assert {"Account", "Contact", "Task"} <= set(sf.run("sobject list --sobject all"))
    assert sf.run("sobject describe --sobject Contact")["keyPrefix"] == "003"


@calls(CLIENT, "org list limits")
def test_limits_are_listed(sf):
    limits = {each["name"]: each for each in sf.run("org list limits")}
    assert 0 < limits["DailyApiRequests"]["remaining"] <= limits["DailyApiRequests"]["max"]


@calls(CLIENT, "org list metadata-types")
def test_metadata_types_are_listed(sf):
    assert "CustomObject" in [each["xmlName"] for each in sf.run("org list metadata-types")["metadataObjects"]]
