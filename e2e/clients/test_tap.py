"""tap-salesforce, the extractor of Singer, does what its users do with it, against the org alone."""

import base64
import hashlib
import json
import os
import secrets
import subprocess
from urllib.parse import parse_qs, urlsplit

import pytest
import requests

from conftest import HERE
from matrix import calls

CLIENT = "tap-salesforce"
TAP = HERE / "tap"
DEADLINE_S = 120
# An app on one's own machine may have any port.
CALLBACK = "http://localhost:8399/callback"


def refresh_token(org):
    """What a person gets for the tap in a browser: web server flow with PKCE."""
    verifier = secrets.token_urlsafe(48)
    challenge = base64.urlsafe_b64encode(hashlib.sha256(verifier.encode()).digest()).rstrip(b"=").decode()
    app = {"client_id": org["org_client_id"], "redirect_uri": CALLBACK}
    asked = {"response_type": "code", "scope": "api refresh_token", "code_challenge": challenge, "code_challenge_method": "S256"}
    person = {"username": org["org_username"], "password": org["org_password"], "decision": "allow"}
    authorize = f"{org['org_url']}/services/oauth2/authorize"
    answer = requests.post(authorize, data=app | asked | person, allow_redirects=False, timeout=10)
    assert answer.status_code == 303, answer.text
    [code] = parse_qs(urlsplit(answer.headers["Location"]).query)["code"]
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": verifier, "client_secret": org["org_client_secret"]}
    answer = requests.post(f"{org['org_url']}/services/oauth2/token", data=app | form, timeout=10)
    answer.raise_for_status()
    return answer.json()["refresh_token"]


@pytest.fixture(scope="module")
def tap(org, tmp_path_factory):
    """Runs the tap with these arguments and gives what it printed."""
    folder = tmp_path_factory.mktemp("tap")
    token = refresh_token(org)

    def run(api_type, *arguments):
        config_file = folder / "config.json"
        # It writes the rotated token back.
        known = json.loads(config_file.read_text())["refresh_token"] if config_file.exists() else token
        app = {"client_id": org["org_client_id"], "client_secret": org["org_client_secret"], "refresh_token": known}
        settings = {"start_date": "2000-01-01T00:00:00Z", "api_type": api_type, "select_fields_by_default": "true"}
        config_file.write_text(json.dumps(app | settings))
        command = [TAP / ".venv/bin/tap-salesforce", "--config", config_file, *arguments]
        environment = os.environ | {"SYNCLINE_ORG_URL": org["org_url"], "PYTHONPATH": str(TAP)}
        answer = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=DEADLINE_S)
        assert answer.returncode == 0, answer.stderr[-4000:]
        return answer.stdout

    return run


def selected(catalog, streams, folder):
    """The catalog as a file, these streams selected in it, to be synced by what changed."""
    for stream in catalog["streams"]:
        for entry in stream["metadata"]:
            if entry["breadcrumb"] == [] and stream["stream"] in streams:
                incremental = {"replication-method": "INCREMENTAL", "replication-key": "SystemModstamp"}
                entry["metadata"] |= incremental | {"selected": True}
    file = folder / "catalog.json"
    file.write_text(json.dumps(catalog))
    return file


def synced(text):
    messages = [json.loads(line) for line in text.splitlines()]
    return [message for message in messages if message["type"] == "RECORD"], messages[-1]


@calls(CLIENT, "--discover")
def test_it_discovers_the_objects(tap):
    streams = {stream["stream"]: stream for stream in json.loads(tap("REST", "--discover"))["streams"]}
    assert {"Account", "Contact", "Lead", "Opportunity", "Task", "User"} <= set(streams)
    assert streams["Contact"]["schema"]["properties"]["Email"]["type"] == ["null", "string"]
    [root] = [entry["metadata"] for entry in streams["Contact"]["metadata"] if entry["breadcrumb"] == []]
    assert root["table-key-properties"] == ["Id"] and root["valid-replication-keys"] == ["SystemModstamp"]


@calls(CLIENT, "sync (api_type REST)", "sync from a bookmark")
def test_it_syncs_and_goes_on_where_it_ended(tap, sf_org, tmp_path):
    catalog = selected(json.loads(tap("REST", "--discover")), {"Account", "Contact"}, tmp_path)
    records, last = synced(tap("REST", "--properties", catalog))
    for name in ("Account", "Contact"):
        ids = [message["record"]["Id"] for message in records if message["stream"] == name]
        assert len(set(ids)) == len(ids) >= sf_org.query(f"SELECT COUNT() FROM {name}")["totalSize"]

    account_id = sf_org.Account.create({"Name": "After the sync"})["id"]
    state_file = tmp_path / "state.json"
    state_file.write_text(json.dumps(last["value"]))
    records, _ = synced(tap("REST", "--properties", catalog, "--state", state_file))
    assert account_id in [message["record"]["Id"] for message in records]
    assert len(records) < 100


@calls(CLIENT, "sync (api_type BULK)")
def test_it_syncs_in_bulk(tap, sf_org, tmp_path):
    catalog = selected(json.loads(tap("BULK", "--discover")), {"Account"}, tmp_path)
    records, _ = synced(tap("BULK", "--properties", catalog))
    assert len(records) >= sf_org.query("SELECT COUNT() FROM Account")["totalSize"]
