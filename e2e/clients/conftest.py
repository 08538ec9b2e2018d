"""One demo for all tests: an org, an environment, and Syncline between them, in one process that is stopped at the end."""

import json
import os
import subprocess
import time
from pathlib import Path

import pytest
import requests

import local_salesforce

HERE = Path(__file__).parent
START_DEADLINE_S = 120
STOP_DEADLINE_S = 20


def eventually(what, probe, within_s=10.0):
    """Returns the first truthy result of `probe`, asking again until `within_s` have passed."""
    deadline = time.monotonic() + within_s
    while True:
        result = probe()
        if result:
            return result
        assert time.monotonic() < deadline, f"{what}: not within {within_s:g} s"
        time.sleep(0.02)


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """The state file of a running demo."""
    folder = tmp_path_factory.mktemp("demo")
    state_file, log_file = folder / "state.json", folder / "log"
    command = [os.environ["SYNCLINE_BIN"], "demo", "--state-file", state_file, "--data-dir", folder / "data"]
    command += ["--listen", "127.0.0.1:0", "--org-listen", "127.0.0.1:0"]
    # What changes here is what a test changes.
    command += ["--no-trickle"]
    with open(log_file, "wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:

        def state():
            assert process.poll() is None, f"the demo ended with code {process.returncode}"
            try:
                return json.loads(state_file.read_text())
            except (FileNotFoundError, json.JSONDecodeError):
                return None

        try:
            yield eventually("the demo is ready", state, START_DEADLINE_S)
        except AssertionError:
            print(log_file.read_text())
            raise
        finally:
            process.terminate()
            try:
                process.wait(STOP_DEADLINE_S)
            except subprocess.TimeoutExpired:
                process.kill()
                raise


@pytest.fixture(scope="session")
def salesforce(demo):
    """simple-salesforce, signed in to the demo's org."""
    return local_salesforce.sign_in(demo)


class Userflow:
    """The few requests to the Userflow-compatible API that these tests make."""

    def __init__(self, state):
        self.url = state["userflow_api_url"]
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {state['userflow_api_key']}"
        self.session.headers["Userflow-Version"] = "2020-01-03"

    def get(self, path, **query):
        answer = self.session.get(f"{self.url}{path}", params=query, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def post(self, path, body):
        answer = self.session.post(f"{self.url}{path}", json=body, timeout=10)
        answer.raise_for_status()
        return answer.json()


@pytest.fixture(scope="session")
def userflow(demo):
    return Userflow(demo)


class Subscriber:
    """The Node client in a process of its own; it prints each change event as one line of JSON."""

    def __init__(self, process):
        self.process = process
        self.seen = []

    def wait_for(self, what, wanted):
        """Returns the first event, already received or still to come, for which `wanted` is true."""
        for event in self.seen:
            if wanted(event):
                return event
        for line in self.process.stdout:
            event = json.loads(line)
            assert "error" not in event, f"the subscription failed: {event['error']}"
            self.seen.append(event)
            if wanted(event):
                return event
        raise AssertionError(f"{what}: the subscriber ended before it came")


def org_settings(state):
    """The environment of a Node client: how to reach the org, and as whom."""
    return os.environ | {
        "ORG_URL": state["org_url"],
        "ORG_PUBSUB": state["org_pubsub_tls"],
        "ORG_CLIENT_ID": state["org_client_id"],
        "ORG_CLIENT_SECRET": state["org_client_secret"],
    }


@pytest.fixture
def subscribe(demo):
    """Subscribes to a channel from its earliest event, so that none is lost between subscribing and changing."""
    processes = []

    def start(channel):
        command = ["node", HERE / "subscriber.mjs", channel]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=org_settings(demo))
        processes.append(process)
        return Subscriber(process)

    yield start
    for process in processes:
        process.kill()
        process.wait()
