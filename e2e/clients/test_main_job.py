"""The main job, seen by programs that nobody here wrote: a change on either side arrives on the other."""

import uuid

import pytest

from conftest import eventually


@pytest.fixture(scope="module")
def pair(salesforce, userflow):
    """A user and the one contact with the user's email address."""
    users = userflow.get("/users", limit=100)["data"]
    emails = {user["attributes"]["email"]: user["id"] for user in users if user["attributes"].get("email")}
    quoted = ", ".join("'" + email.replace("'", "\\'") + "'" for email in emails)
    contacts = salesforce.query_all(f"SELECT Id, Email FROM Contact WHERE Email IN ({quoted})")["records"]
    found = [contact["Email"] for contact in contacts]
    alone = [contact for contact in contacts if found.count(contact["Email"]) == 1 and contact["Email"] in emails]
    assert alone, "no user of the demo has a contact"
    return emails[alone[0]["Email"]], alone[0]["Id"]


def attributes(userflow, user_id):
    return userflow.get(f"/users/{user_id}")["attributes"]


def test_a_changed_title_reaches_a_subscriber_and_the_user(salesforce, userflow, subscribe, pair):
    user_id, contact_id = pair
    title = f"Head of {uuid.uuid4().hex[:8]}"
    assert attributes(userflow, user_id).get("salesforce_contact_title") != title
    subscriber = subscribe("/data/ContactChangeEvent")

    assert salesforce.Contact.update(contact_id, {"Title": title}) == 204

    event = subscriber.wait_for("the change of the title", lambda event: event["payload"].get("Title") == title)
    header = event["payload"]["ChangeEventHeader"]
    assert header["entityName"] == "Contact"
    assert header["changeType"] == "UPDATE"
    assert header["recordIds"] == [contact_id]
    assert "Title" in header["changedFields"]
    assert "LastModifiedDate" in header["changedFields"]
    assert "Email" not in header["changedFields"]
    assert event["replayId"] > 0
    eventually("the title on the user", lambda: attributes(userflow, user_id).get("salesforce_contact_title") == title)


def test_a_cleared_title_is_cleared_on_the_user(salesforce, userflow, pair):
    user_id, contact_id = pair
    salesforce.Contact.update(contact_id, {"Title": "Soon gone"})
    eventually("a title", lambda: attributes(userflow, user_id).get("salesforce_contact_title") == "Soon gone")
    salesforce.Contact.update(contact_id, {"Title": None})
    eventually("no title", lambda: attributes(userflow, user_id).get("salesforce_contact_title") is None)


def test_a_changed_attribute_reaches_the_contact(salesforce, userflow, subscribe, pair):
    user_id, contact_id = pair
    plan = f"plan {uuid.uuid4().hex[:8]}"
    assert salesforce.Contact.get(contact_id)["userflow_user_plan__c"] != plan

    userflow.post("/users", {"id": user_id, "attributes": {"plan": plan}})

    eventually("the plan on the contact", lambda: salesforce.Contact.get(contact_id)["userflow_user_plan__c"] == plan)
    wanted = lambda event: event["payload"].get("userflow_user_plan__c") == plan
    event = subscribe("/data/ContactChangeEvent").wait_for("the change of the plan", wanted)
    assert event["payload"]["ChangeEventHeader"]["recordIds"] == [contact_id]
    assert attributes(userflow, user_id)["plan"] == plan


def test_a_user_without_a_contact_makes_none(salesforce, userflow, pair):
    email = f"{uuid.uuid4().hex}@nobody.example"
    user_id, contact_id = f"nobody-{uuid.uuid4().hex}", pair[1]
    userflow.post("/users", {"id": user_id, "attributes": {"email": email, "plan": "free"}})
    # A later change of another user that has arrived shows that Syncline had its turn with this one.
    plan = f"plan {uuid.uuid4().hex[:8]}"
    userflow.post("/users", {"id": pair[0], "attributes": {"plan": plan}})
    eventually("the later change", lambda: salesforce.Contact.get(contact_id)["userflow_user_plan__c"] == plan)

    assert salesforce.query(f"SELECT Id FROM Contact WHERE Email = '{email}'")["records"] == []
    assert "salesforce_contact_title" not in attributes(userflow, user_id)
