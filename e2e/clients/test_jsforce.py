"""jsforce does what its users do with it, against the org alone."""

import datetime
import uuid

import pytest

from matrix import calls
from node_client import NodeClientError

CLIENT = "jsforce"


@pytest.fixture(scope="module")
def js(node):
    return node("jsforce.mjs")


def unique():
    return f"conformance-{uuid.uuid4().hex[:12]}"


@calls(CLIENT, "login", "logout")
def test_a_person_signs_in_by_soap(js, org):
    answer = js("login", org["org_username"], org["org_password"])
    assert answer["user"]["organizationId"] == org["org_id"] and answer["totalSize"] == 1
    with pytest.raises(NodeClientError) as refused:
        js("login", org["org_username"], "wrong")
    assert "INVALID_LOGIN" in str(refused.value)


@calls(CLIENT, "authorize({grant_type: 'client_credentials'})", "identity")
def test_a_program_signs_in_with_client_credentials(js, org):
    answer = js("authorize", {"grant_type": "client_credentials"})
    assert answer["user"]["organizationId"] == org["org_id"]
    assert answer["identity"]["username"] == org["org_username"]


@calls(CLIENT, "new Connection({instanceUrl, accessToken})")
def test_a_token_is_used_and_a_wrong_one_refused(js):
    assert js("connection", "query", "SELECT Id FROM Contact LIMIT 1")["totalSize"] == 1
    with pytest.raises(NodeClientError) as refused:
        js("expired")
    assert refused.value.code == "INVALID_SESSION_ID"


@calls(CLIENT, "sobject.create", "sobject.retrieve", "sobject.update", "sobject.destroy")
def test_one_record_is_created_read_changed_and_deleted(js):
    contact_id = js("sobject", "Contact", "create", {"LastName": "Conformance"})["id"]
    assert js("sobject", "Contact", "update", {"Id": contact_id, "Title": "Tester"})["success"] is True
    assert js("sobject", "Contact", "retrieve", contact_id)["Title"] == "Tester"
    assert js("sobject", "Contact", "destroy", contact_id)["success"] is True
    with pytest.raises(NodeClientError) as gone:
        js("sobject", "Contact", "retrieve", contact_id)
    assert gone.value.code in ("NOT_FOUND", "ENTITY_IS_DELETED")


@calls(CLIENT, "sobject.create([])", "sobject.retrieve([])", "sobject.update([])", "sobject.destroy([])")
def test_records_sent_together_have_each_its_result(js):
    made = js("sobject", "Contact", "create", [{"LastName": "One"}, {"FirstName": "Nameless"}, {"LastName": "Two"}])
    assert [result["success"] for result in made] == [True, False, True]
    assert made[1]["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
    ids = [made[0]["id"], made[2]["id"]]
    changed = js("sobject", "Contact", "update", [{"Id": ids[0], "Title": "Tester"}, {"Id": ids[1], "Title": "x" * 129}])
    assert [result["success"] for result in changed] == [True, False]
    assert changed[1]["errors"][0]["statusCode"] == "STRING_TOO_LONG"
    assert [each["Title"] for each in js("sobject", "Contact", "retrieve", ids)] == ["Tester", None]
    assert [result["success"] for result in js("sobject", "Contact", "destroy", ids)] == [True, True]


@calls(CLIENT, "sobject.create([], {allOrNone: true})")
def test_records_sent_all_or_none_are_rolled_back(js):
    name = unique()
    made = js("sobject", "Contact", "create", [{"LastName": name}, {"FirstName": "Nameless"}], {"allOrNone": True})
    codes = [result["errors"][0]["statusCode"] for result in made]
    assert codes == ["ALL_OR_NONE_OPERATION_ROLLED_BACK", "REQUIRED_FIELD_MISSING"]
    assert js("connection", "query", f"SELECT Id FROM Contact WHERE LastName = '{name}'")["totalSize"] == 0


@calls(CLIENT, "sobject.upsert", "sobject.upsert([])")
def test_records_are_made_and_then_changed_by_their_external_id(js):
    keys = [unique(), unique()]
    first = js("sobject", "Account", "upsert", {"External_Id__c": keys[0], "Name": "First"}, "External_Id__c")
    assert first["success"] is True and first["created"] is True
    accounts = [{"External_Id__c": key, "Name": "Second"} for key in keys]
    results = js("sobject", "Account", "upsert", accounts, "External_Id__c")
    assert [(result["success"], result["created"]) for result in results] == [(True, False), (True, True)]
    assert results[0]["id"] == first["id"]
    js("sobject", "Account", "destroy", [result["id"] for result in results])


@calls(CLIENT, "query", "queryMore", "query({autoFetch: true})")
def test_a_query_pages(js):
    first = js("connection", "query", "SELECT Id FROM Contact")
    assert first["done"] is False and len(first["records"]) == 2000
    second = js("connection", "queryMore", first["nextRecordsUrl"])
    assert second["done"] is True and len(second["records"]) == first["totalSize"] - 2000
    everyone = js("autoFetch", "SELECT Id, Account.Name FROM Contact")
    assert len({each["Id"] for each in everyone}) == len(everyone) >= first["totalSize"]


@calls(CLIENT, "sobject.find")
def test_a_query_is_built_from_conditions(js):
    found = js("find", "Contact", {"Email": {"$ne": None}, "LastName": {"$like": "S%"}}, ["Id", "LastName", "Account.Name"])
    assert len(found) == 5 and all(each["LastName"].startswith("S") for each in found)


@calls(CLIENT, "describeGlobal", "describe", "describe$")
def test_objects_are_described(js):
    names = [each["name"] for each in js("connection", "describeGlobal")["sobjects"]]
    assert {"Account", "Contact", "Lead", "Task", "User"} <= set(names)
    described = js("sobject", "Contact", "describe")
    assert described["keyPrefix"] == "003" and described["urls"]["rowTemplate"].endswith("/Contact/{ID}")
    assert js("sobject", "Contact", "describe$")["name"] == "Contact"


@calls(CLIENT, "sobject.updated", "sobject.deleted")
def test_what_changed_in_a_span_is_told(js):
    kept, gone = [js("sobject", "Contact", "create", {"LastName": "Conformance"})["id"] for _ in range(2)]
    js("sobject", "Contact", "destroy", gone)
    now = datetime.datetime.now(datetime.timezone.utc)
    start, end = now - datetime.timedelta(minutes=30), now + datetime.timedelta(minutes=2)
    span = [start.isoformat(timespec="seconds"), end.isoformat(timespec="seconds")]
    assert kept in js("sobject", "Contact", "updated", *span)["ids"]
    assert gone in [each["id"] for each in js("sobject", "Contact", "deleted", *span)["deletedRecords"]]
    js("sobject", "Contact", "destroy", kept)


@calls(CLIENT, "limits")
def test_limits_are_told(js):
    limits = js("connection", "limits")
    assert 0 < limits["DailyApiRequests"]["Remaining"] <= limits["DailyApiRequests"]["Max"]


@calls(CLIENT, "search")
def test_a_search_finds_a_name(js):
    name = unique().replace("-", "")
    contact_id = js("sobject", "Contact", "create", {"LastName": name})["id"]
    found = js("connection", "search", f"FIND {{{name}}} IN ALL FIELDS RETURNING Contact(Id)")["searchRecords"]
    assert [each["Id"] for each in found] == [contact_id]
    js("sobject", "Contact", "destroy", contact_id)


@calls(CLIENT, "requestPost (composite, batch, tree)")
def test_several_calls_are_sent_as_one(js):
    path, name = "/services/data/v60.0", unique()
    parts = [
        {"method": "POST", "url": f"{path}/sobjects/Contact", "referenceId": "new", "body": {"LastName": name}},
        {"method": "GET", "url": f"{path}/sobjects/Contact/@{{new.id}}", "referenceId": "read"},
    ]
    answer = js("requestPost", "/composite", {"allOrNone": True, "compositeRequest": parts})
    assert answer["compositeResponse"][1]["body"]["LastName"] == name
    answer = js("requestPost", "/composite/batch", {"batchRequests": [{"method": "GET", "url": "v60.0/limits"}]})
    assert answer["results"][0]["result"]["DailyApiRequests"]["Max"] > 0
    child = {"attributes": {"type": "Contact", "referenceId": "person"}, "LastName": name}
    tree = {"attributes": {"type": "Account", "referenceId": "firm"}, "Name": name, "Contacts": {"records": [child]}}
    answer = js("requestPost", "/composite/tree/Account", {"records": [tree]})
    assert answer["hasErrors"] is False and [each["referenceId"] for each in answer["results"]] == ["firm", "person"]


@calls(CLIENT, "tooling.query", "tooling.sobject('CustomField').create")
def test_a_field_is_made_and_found_through_the_tooling_api(js):
    name = f"Made_{uuid.uuid4().hex[:8]}__c"
    field = {"FullName": f"Contact.{name}", "Metadata": {"label": "Made", "type": "Text", "length": 40}}
    made = js("toolingSobject", "CustomField", "create", field)
    assert made["success"] is True and made["id"].startswith("00N")
    found = js("tooling", "query", f"SELECT Id, DeveloperName FROM CustomField WHERE DeveloperName = '{name[:-3]}'")
    assert [each["Id"] for each in found["records"]] == [made["id"]]
    # Nobody was granted it yet.
    assert name not in [each["name"] for each in js("sobject", "Contact", "describe")["fields"]]


@calls(CLIENT, "bulk2.query")
def test_bulk_2_queries(js):
    total = js("connection", "query", "SELECT COUNT() FROM Contact")["totalSize"]
    found = js("bulk2Query", "SELECT Id, Email, Account.Name FROM Contact")
    assert len({each["Id"] for each in found}) == len(found) == total


@calls(CLIENT, "bulk2.loadAndWaitForResults")
def test_bulk_2_writes_and_reports_each_row(js):
    keys = [unique(), unique()]
    accounts = [{"Name": "New", "External_Id__c": key} for key in keys]
    job = {"object": "Account", "operation": "insert", "input": [*accounts, {"Name": "", "External_Id__c": unique()}]}
    loaded = js("bulk2Load", job)
    assert [row["External_Id__c"] for row in loaded["successfulResults"]] == keys
    assert [row["sf__Error"].split(":")[0] for row in loaded["failedResults"]] == ["REQUIRED_FIELD_MISSING"]
    assert loaded["unprocessedRecords"] == []
    ids = [row["sf__Id"] for row in loaded["successfulResults"]]

    js("bulk2Load", {"object": "Account", "operation": "update", "input": [{"Id": ids[0], "Name": "Changed"}]})
    assert js("sobject", "Account", "retrieve", ids[0])["Name"] == "Changed"
    job = {"object": "Account", "operation": "upsert", "externalIdFieldName": "External_Id__c", "input": accounts[:1]}
    assert [row["sf__Created"] for row in js("bulk2Load", job)["successfulResults"]] == ["false"]
    job = {"object": "Account", "operation": "delete", "input": [{"Id": each} for each in ids]}
    assert len(js("bulk2Load", job)["successfulResults"]) == 2


@calls(CLIENT, "bulk.query", "bulk.load")
def test_bulk_1_queries_and_writes(js):
    total = js("connection", "query", "SELECT COUNT() FROM Account")["totalSize"]
    assert len(js("bulk1Query", "SELECT Id, Name FROM Account")) == total
    loaded = js("bulk1Load", "Account", "insert", [{"Name": "New", "Phone": "1"}, {"Name": "", "Phone": "2"}])
    assert [row["success"] for row in loaded] == [True, False]
    assert loaded[1]["errors"][0].startswith("REQUIRED_FIELD_MISSING")
    assert js("bulk1Load", "Account", "delete", [{"Id": loaded[0]["id"]}])[0]["success"] is True
