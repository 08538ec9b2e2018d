"""salesforce-pubsub-api-client does what its users do with it, against the org alone."""

import uuid

import pytest

from matrix import calls
from node_client import NodeClientError

CLIENT = "salesforce-pubsub-api-client"
# Whose events these tests read; others may change other objects meanwhile.
CHANNEL = "/data/LeadChangeEvent"


@pytest.fixture(scope="module")
def pubsub(node):
    return node("pubsub.mjs")


@pytest.fixture(scope="module")
def lead_id(sf_org):
    """A lead that was changed three times since it was made: four events at least are kept."""
    lead_id = sf_org.Lead.create({"LastName": "Conformance", "Company": "Conformance"})["id"]
    for title in ("One", "Two", "Three"):
        sf_org.Lead.update(lead_id, {"Title": title})
    return lead_id


@calls(CLIENT, "connect (user-supplied)", "connect (username-password)", "connect (oauth-client-credentials)")
@pytest.mark.parametrize("auth_type", ["user-supplied", "username-password", "oauth-client-credentials"])
def test_it_connects(pubsub, lead_id, auth_type):
    assert pubsub("earliest", CHANNEL, 1, auth_type)["events"][0]["payload"]["ChangeEventHeader"]["recordIds"] == [lead_id]


@calls(CLIENT, "subscribeFromEarliestEvent")
def test_it_reads_from_the_earliest_event(pubsub, lead_id):
    events = pubsub("earliest", CHANNEL, 4)["events"]
    headers = [event["payload"]["ChangeEventHeader"] for event in events]
    assert [header["changeType"] for header in headers] == ["CREATE", "UPDATE", "UPDATE", "UPDATE"]
    assert all(header["recordIds"] == [lead_id] and header["entityName"] == "Lead" for header in headers)
    assert events[1]["payload"]["Title"] == "One"
    assert sorted(headers[1]["changedFields"]) == ["LastModifiedDate", "Title"]


@calls(CLIENT, "subscribeFromReplayId")
def test_it_resumes_after_an_event(pubsub, lead_id):
    events = pubsub("earliest", CHANNEL, 4)["events"]
    resumed = pubsub("after", CHANNEL, 2, events[1]["replayId"])["events"]
    assert [event["replayId"] for event in resumed] == [event["replayId"] for event in events[2:]]
    with pytest.raises(NodeClientError) as refused:
        pubsub("after", CHANNEL, 1, 999_999_999_999)
    assert "replay" in str(refused.value).lower()


@calls(CLIENT, "requestAdditionalEvents")
def test_it_asks_for_one_event_after_the_other(pubsub, lead_id):
    titles = [event["payload"]["Title"] for event in pubsub("batches", CHANNEL, 4)["events"]]
    assert titles == [None, "One", "Two", "Three"]


@pytest.fixture(scope="module")
def managed_subscription(sf_org):
    name = f"Managed_{uuid.uuid4().hex[:8]}"
    metadata = {"label": name, "topicName": CHANNEL, "defaultReplay": "EARLIEST", "errorRecoveryReplay": "EARLIEST", "state": "RUN"}
    body = {"FullName": name, "Metadata": metadata}
    assert sf_org.toolingexecute("sobjects/ManagedEventSubscription/", method="POST", data=body)["success"] is True
    return name


@calls(CLIENT, "subscribeWithManagedSubscription", "commitReplayId")
def test_a_managed_subscription_goes_on_after_what_was_committed(pubsub, lead_id, managed_subscription):
    first = pubsub("managed", managed_subscription, 2)["events"]
    second = pubsub("managed", managed_subscription, 2)["events"]
    assert [event["payload"]["Title"] for event in first + second] == [None, "One", "Two", "Three"]


@pytest.fixture(scope="module")
def platform_event(sf_org):
    """A platform event that has one text."""
    name = f"Made_{uuid.uuid4().hex[:8]}__e"
    metadata = {"label": "Made", "pluralLabel": "Made", "deploymentStatus": "Deployed", "eventType": "HighVolume"}
    body = {"FullName": name, "Metadata": metadata | {"publishBehavior": "PublishImmediately"}}
    assert sf_org.toolingexecute("sobjects/CustomObject/", method="POST", data=body)["success"] is True
    field = {"FullName": f"{name}.Message__c", "Metadata": {"label": "Message", "type": "Text", "length": 100}}
    assert sf_org.toolingexecute("sobjects/CustomField/", method="POST", data=field)["success"] is True
    return name


@calls(CLIENT, "publish", "publishBatch")
def test_platform_events_are_published_and_read(pubsub, platform_event, sf_org):
    topic, user_id = f"/event/{platform_event}", sf_org.query("SELECT Id FROM User LIMIT 1")["records"][0]["Id"]
    event = {"CreatedDate": 1_700_000_000_000, "CreatedById": user_id}
    published = pubsub("publish", topic, event | {"Message__c": {"string": "One"}})
    batch = pubsub("publishBatch", topic, [event | {"Message__c": {"string": text}} for text in ("Two", "Three")])
    replay_ids = [published["replayId"]] + [result["replayId"] for result in batch["results"]]
    read = pubsub("earliest", topic, 3)["events"]
    assert [event["payload"]["Message__c"] for event in read] == ["One", "Two", "Three"]
    assert [event["replayId"] for event in read] == replay_ids
