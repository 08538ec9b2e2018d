"""What the emulated org answers to simple-salesforce: its shapes and its errors, as this client reads them."""

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
