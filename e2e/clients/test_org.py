"""What the emulated org answers to simple-salesforce: its shapes and its errors, as this client reads them."""

import json
import subprocess
import uuid

import pytest
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceExpiredSession,
    SalesforceMalformedRequest,
    SalesforceResourceNotFound,
)

import local_salesforce
from conftest import HERE, org_settings


@pytest.fixture
def contact_id(salesforce):
    """A contact of the test's own, deleted after it."""
    created = salesforce.Contact.create({"LastName": "Conformance", "Email": f"{uuid.uuid4().hex}@conformance.example"})
    assert created["success"] is True and created["errors"] == []
    yield created["id"]
    salesforce.Contact.delete(created["id"])


def test_a_wrong_secret_is_refused(demo):
    with pytest.raises(SalesforceAuthenticationFailed) as refused:
        local_salesforce.sign_in(demo | {"org_client_secret": "wrong"})
    assert "invalid_client" in str(refused.value)


def test_a_person_signs_in_by_oauth_and_by_soap(demo):
    person = {"username": demo["org_username"], "password": demo["org_password"]}
    session = local_salesforce.redirected_session(demo["org_url"])
    app = {"consumer_key": demo["org_client_id"], "consumer_secret": demo["org_client_secret"]}
    for way_in in (Salesforce(**person, **app, session=session), Salesforce(**person, security_token="", session=session)):
        assert way_in.query("SELECT Id FROM Contact LIMIT 1")["totalSize"] == 1


def test_a_wrong_password_is_refused(demo):
    session = local_salesforce.redirected_session(demo["org_url"])
    with pytest.raises(SalesforceAuthenticationFailed) as refused:
        Salesforce(username=demo["org_username"], password="wrong", security_token="", session=session)
    assert "INVALID_LOGIN" in str(refused.value)


def test_an_unknown_token_is_an_expired_session(demo):
    session = local_salesforce.redirected_session(demo["org_url"])
    stranger = Salesforce(session_id="00D000000000000!none", instance_url="https://127.0.0.1", session=session)
    with pytest.raises(SalesforceExpiredSession) as refused:
        stranger.query("SELECT Id FROM Contact LIMIT 1")
    assert refused.value.content[0]["errorCode"] == "INVALID_SESSION_ID"


def test_describe_tells_types_and_lengths(salesforce):
    described = salesforce.Contact.describe()
    fields = {field["name"]: field for field in described["fields"]}
    assert described["keyPrefix"] == "003"
    assert fields["Email"]["type"] == "email" and fields["Email"]["length"] == 80
    assert fields["Title"]["type"] == "string" and fields["Title"]["length"] == 128
    assert fields["AccountId"]["type"] == "reference" and fields["AccountId"]["referenceTo"] == ["Account"]
    assert fields["AccountId"]["relationshipName"] == "Account"
    assert fields["Id"]["updateable"] is False
    names = {each["name"] for each in salesforce.describe()["sobjects"]}
    assert {"Account", "Contact", "Lead", "Opportunity", "Task", "User"} <= names


def test_a_query_follows_a_parent_and_pages(salesforce):
    total = salesforce.query("SELECT COUNT() FROM Contact")["totalSize"]
    assert total > 2000, "too few contacts to need a second page"
    first = salesforce.query("SELECT Id FROM Contact")
    assert first["done"] is False and len(first["records"]) == 2000 and first["totalSize"] == total
    everyone = list(salesforce.query_all_iter("SELECT Id, Account.Name FROM Contact"))
    assert len({contact["Id"] for contact in everyone}) == len(everyone)
    assert len(everyone) >= total
    assert any(contact["Account"] and contact["Account"]["Name"] for contact in everyone)


def test_a_record_is_created_read_changed_and_deleted(salesforce):
    email = f"{uuid.uuid4().hex}@conformance.example"
    contact_id = salesforce.Contact.create({"LastName": "Conformance", "Email": email})["id"]
    assert len(contact_id) == 18
    read = salesforce.Contact.get(contact_id)
    assert read["attributes"]["type"] == "Contact"
    assert (read["LastName"], read["Email"], read["Title"]) == ("Conformance", email, None)
    assert salesforce.Contact.update(contact_id, {"Title": "Tester"}) == 204
    assert salesforce.Contact.get(contact_id)["Title"] == "Tester"
    assert salesforce.Contact.delete(contact_id) == 204
    with pytest.raises(SalesforceResourceNotFound):
        salesforce.Contact.get(contact_id)


def test_fifteen_characters_name_the_same_record(salesforce, contact_id):
    assert salesforce.Contact.get(contact_id[:15])["Id"] == contact_id


def test_an_unknown_field_is_refused_and_nothing_is_saved(salesforce, contact_id):
    with pytest.raises(SalesforceMalformedRequest) as refused:
        salesforce.Contact.update(contact_id, {"Title": "Unsaved", "NoSuchField": "x"})
    assert refused.value.content[0]["errorCode"] == "INVALID_FIELD"
    assert salesforce.Contact.get(contact_id)["Title"] is None


def test_too_long_a_text_is_refused_by_field(salesforce, contact_id):
    with pytest.raises(SalesforceMalformedRequest) as refused:
        salesforce.Contact.update(contact_id, {"Title": "x" * 129})
    assert refused.value.content[0]["errorCode"] == "STRING_TOO_LONG"
    assert refused.value.content[0]["fields"] == ["Title"]


def test_a_missing_required_field_is_named(salesforce):
    with pytest.raises(SalesforceMalformedRequest) as refused:
        salesforce.Contact.create({"FirstName": "Nameless"})
    assert refused.value.content[0]["errorCode"] == "REQUIRED_FIELD_MISSING"
    assert refused.value.content[0]["fields"] == ["LastName"]


def test_a_malformed_query_is_refused(salesforce):
    with pytest.raises(SalesforceMalformedRequest) as refused:
        salesforce.query("SELECT Id FROM Contact WHERE")
    assert refused.value.content[0]["errorCode"] == "MALFORMED_QUERY"


def update_together(demo, records, all_or_none):
    """jsforce changes several contacts with one Collections request; its results are in the order of the records."""
    command = ["node", HERE / "collections.mjs", json.dumps(records), json.dumps(all_or_none)]
    return json.loads(subprocess.run(command, env=org_settings(demo), check=True, capture_output=True, timeout=30).stdout)


@pytest.fixture
def two_contacts(salesforce):
    ids = [salesforce.Contact.create({"LastName": "Conformance"})["id"] for _ in range(2)]
    yield ids
    for contact_id in ids:
        salesforce.Contact.delete(contact_id)


def test_records_sent_together_succeed_or_fail_each_for_itself(demo, salesforce, two_contacts):
    good, bad = two_contacts
    records = [{"Id": good, "Title": "Saved"}, {"Id": bad, "Title": "x" * 129}]
    saved, refused = update_together(demo, records, all_or_none=False)
    assert saved["success"] is True and saved["id"] == good
    assert refused["success"] is False
    assert [error["statusCode"] for error in refused["errors"]] == ["STRING_TOO_LONG"]
    assert [salesforce.Contact.get(each)["Title"] for each in two_contacts] == ["Saved", None]


def test_records_sent_all_or_none_are_rolled_back(demo, salesforce, two_contacts):
    good, bad = two_contacts
    records = [{"Id": good, "Title": "Unsaved"}, {"Id": bad, "Title": "x" * 129}]
    rolled_back, refused = update_together(demo, records, all_or_none=True)
    assert [error["statusCode"] for error in rolled_back["errors"]] == ["ALL_OR_NONE_OPERATION_ROLLED_BACK"]
    assert [error["statusCode"] for error in refused["errors"]] == ["STRING_TOO_LONG"]
    assert [salesforce.Contact.get(each)["Title"] for each in two_contacts] == [None, None]
