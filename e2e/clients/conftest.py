"""What tests share: a demo (an org, an environment, and Syncline between them, in one process) and an org alone."""

import contextlib
import json
import os
import subprocess
import time
from pathlib import Path

import pytest
import requests

import local_salesforce
from node_client import NodeClient

pytest_plugins = ["matrix"]

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


@contextlib.contextmanager
def running(folder, *arguments):
    """Runs `syncline` until the end of the block, and gives its state file once it is ready."""
    state_file, log_file = folder / "state.json", folder / "log"
    command = [os.environ["SYNCLINE_BIN"], *arguments, "--state-file", state_file]
    with open(log_file, "wb") as log, subprocess.Popen(command, stdout=log, stderr=log) as process:

        def state():
            assert process.poll() is None, f"syncline {arguments[0]} ended with code {process.returncode}"
            try:
                return json.loads(state_file.read_text())
            except (FileNotFoundError, json.JSONDecodeError):
                return None

        try:
            yield eventually(f"syncline {arguments[0]} is ready", state, START_DEADLINE_S)
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


def free_addresses(*options):
    return [f"--{option}=127.0.0.1:0" for option in options]


@pytest.fixture(scope="session")
def demo(tmp_path_factory):
    """The state file of a running demo. What changes there is what a test changes."""
    folder = tmp_path_factory.mktemp("demo")
    addresses = free_addresses("listen", "org-listen")
    with running(folder, "demo", "--data-dir", folder / "data", *addresses, "--no-trickle") as state:
        yield state


@pytest.fixture(scope="session")
def org(tmp_path_factory):
    """The state file of a running org that has nothing to do with Syncline."""
    addresses = free_addresses("listen", "https-listen", "pubsub-listen", "pubsub-tls-listen")
    with running(tmp_path_factory.mktemp("org"), "org", *addresses) as state:
        yield state


@pytest.fixture(autouse=True)
def refusals(request):
    """Shows with a failed test what the org refused meanwhile."""
    if "org" not in request.fixturenames:
        yield
        return
    url = f"{request.getfixturevalue('org')['org_url']}/__control/ledger"
    before = requests.get(url, timeout=10).json()["total"]
    yield
    entries = requests.get(f"{url}/entries?after={before}&limit=10000", timeout=10).json()
    for each in entries:
        if each["status"] >= 400:
            print(f"refused: {each['method']} {each['uri']} -> {each['status']} {each['error_code'] or ''}")


@pytest.fixture(scope="session")
def salesforce(demo):
    """simple-salesforce, signed in to the demo's org."""
    return local_salesforce.sign_in(demo)


@pytest.fixture(scope="session")
def sf_org(org):
    """simple-salesforce, signed in to the org alone."""
    return local_salesforce.sign_in(org)


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
        "ORG_ACCESS_TOKEN": state["org_access_token"],
        "ORG_HTTPS_URL": state["org_https_url"],
        "ORG_ID": state["org_id"],
        "ORG_USERNAME": state["org_username"],
        "ORG_PASSWORD": state["org_password"],
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


@pytest.fixture(scope="session")
def node(org):
    """Starts a script that runs a client from npm against the org."""
    with contextlib.ExitStack() as running_clients:
        yield lambda script: running_clients.enter_context(NodeClient(HERE / script, org_settings(org)))
