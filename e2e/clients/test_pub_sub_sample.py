"""Salesforce's own Python sample for the Pub/Sub API, as a package ships it, reads what the org sends. Its decoder of the changed
fields is the one that Salesforce publishes."""

import threading

import avro.schema
import certifi
import pytest

from matrix import calls

CLIENT = "pub-sub-api"


@pytest.fixture(scope="module")
def sample(org, tmp_path_factory):
    """The sample's client, signed in by SOAP."""
    authority = tmp_path_factory.mktemp("authority") / "ca.pem"
    authority.write_text(org["org_pubsub_ca"])
    with pytest.MonkeyPatch.context() as patch:
        # Read once, when the module is loaded.
        patch.setattr(certifi, "where", lambda: str(authority))
        from cgo_sfdc_pub_sub.PubSub import PubSub
    host, port = org["org_pubsub_tls"].rsplit(":", 1)
    place = {"url": org["org_url"], "grpc_host": host, "grpc_port": port, "api_version": "60.0"}
    client = PubSub(place | {"username": org["org_username"], "password": org["org_password"]})
    client.auth()
    return client


class Enough(Exception):
    pass


def read(sample, channel, record_id, count):
    """The first `count` events about a record: of each its payload, and the names of its changed and its nulled fields."""
    from cgo_sfdc_pub_sub.ChangeEventHeaderUtility import process_bitmap

    seen = []

    def take(answer, client):
        for event in answer.events:
            schema = client.get_schema_json(event.event.schema_id)
            payload = client.decode(schema, event.event.payload)
            header = payload["ChangeEventHeader"]
            if header["recordIds"] == [record_id]:
                bitmaps = header["changedFields"], header["nulledFields"]
                seen.append((payload, *(sorted(process_bitmap(avro.schema.parse(schema), each)) for each in bitmaps)))
        if len(seen) >= count:
            raise Enough

    # It asks for events once, until a callback lets go of this; its loop has no end but an exception.
    sample.semaphore = threading.Semaphore(1)
    with pytest.raises(Enough):
        sample.subscribe(channel, "EARLIEST", "", 100, take)
    return seen


@calls(CLIENT, "PubSub.auth", "PubSub.get_topic", "PubSub.get_schema_json")
def test_it_signs_in_and_asks_for_a_topic(sample):
    topic = sample.get_topic("/data/OpportunityChangeEvent")
    assert topic.can_subscribe and not topic.can_publish
    assert avro.schema.parse(sample.get_schema_json(topic.schema_id)).fields[0].name == "ChangeEventHeader"


@calls(CLIENT, "PubSub.subscribe", "PubSub.decode", "process_bitmap")
def test_bitmaps_decode_to_the_fields_that_changed(sample, sf_org):
    opportunity = {"Name": "Conformance", "StageName": "Prospecting", "CloseDate": "2030-01-31", "NextStep": "Call"}
    opportunity_id = sf_org.Opportunity.create(opportunity)["id"]
    sf_org.Opportunity.update(opportunity_id, {"Name": "Changed", "NextStep": None, "Amount": 12.5})
    [created, (payload, changed, nulled)] = read(sample, "/data/OpportunityChangeEvent", opportunity_id, 2)
    assert created[0]["Name"] == "Conformance" and created[0]["ChangeEventHeader"]["changeType"] == "CREATE"
    assert (payload["Name"], payload["NextStep"], payload["Amount"]) == ("Changed", None, 12.5)
    assert {"Name", "NextStep", "Amount", "LastModifiedDate"} <= set(changed)
    assert not {"StageName", "CloseDate", "OwnerId"} & set(changed)
    assert nulled == ["NextStep"]


@calls(CLIENT, "process_bitmap (parts of an address and of a name)")
def test_bitmaps_of_compound_fields_decode_to_their_parts(sample, sf_org):
    account_id = sf_org.Account.create({"Name": "Conformance", "BillingCity": "Oslo", "BillingPostalCode": "0150"})["id"]
    sf_org.Account.update(account_id, {"BillingCity": "Bergen", "BillingPostalCode": None})
    [_, (payload, changed, nulled)] = read(sample, "/data/AccountChangeEvent", account_id, 2)
    assert payload["BillingAddress"]["City"] == "Bergen"
    assert changed == ["BillingAddress.City", "BillingAddress.PostalCode", "LastModifiedDate"]
    assert nulled == ["BillingAddress.PostalCode"]

    contact_id = sf_org.Contact.create({"LastName": "Conformance", "FirstName": "Ada"})["id"]
    sf_org.Contact.update(contact_id, {"LastName": "Changed"})
    [_, (payload, changed, nulled)] = read(sample, "/data/ContactChangeEvent", contact_id, 2)
    assert payload["Name"]["LastName"] == "Changed"
    assert changed == ["LastModifiedDate", "Name.LastName"] and nulled == []
