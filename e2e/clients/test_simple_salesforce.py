"""simple-salesforce does what its users do with it, against the org alone."""

import csv
import datetime
import io
import time
import uuid
import zipfile

import pytest
from simple_salesforce import Salesforce
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceExpiredSession,
    SalesforceGeneralError,
    SalesforceMalformedRequest,
    SalesforceResourceNotFound,
)

import local_salesforce
from matrix import calls

CLIENT = "simple-salesforce"
# Seconds between two looks at a Bulk job.
WAIT_S = 0.05


@pytest.fixture(scope="module")
def sf(sf_org):
    return sf_org


@pytest.fixture
def sf_over_https(org, monkeypatch):
    """What it sends by itself and not through the session that it was given knows https alone."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", org["org_ca_file"])
    return Salesforce(session_id=org["org_access_token"], instance_url=org["org_https_url"], version=local_salesforce.API_VERSION)


@pytest.fixture
def contact_id(sf):
    created = sf.Contact.create({"LastName": "Conformance", "Email": f"{uuid.uuid4().hex}@conformance.example"})
    yield created["id"]
    sf.Contact.delete(created["id"])


def unique():
    return f"conformance-{uuid.uuid4().hex[:12]}"


@calls(CLIENT, "Salesforce(username, password, security_token)")
def test_a_person_signs_in_by_soap(org):
    session = local_salesforce.redirected_session(org["org_url"])
    person = {"username": org["org_username"], "password": org["org_password"]}
    assert Salesforce(**person, security_token="", session=session).query("SELECT Id FROM Contact LIMIT 1")["totalSize"] == 1
    with pytest.raises(SalesforceAuthenticationFailed) as refused:
        Salesforce(**person | {"password": "wrong"}, security_token="", session=session)
    assert refused.value.code == "INVALID_LOGIN"


@calls(CLIENT, "Salesforce(username, password, consumer_key, consumer_secret)")
def test_a_person_signs_in_by_oauth(org):
    session = local_salesforce.redirected_session(org["org_url"])
    person = {"username": org["org_username"], "password": org["org_password"]}
    app = {"consumer_key": org["org_client_id"], "consumer_secret": org["org_client_secret"]}
    assert Salesforce(**person, **app, session=session).query("SELECT Id FROM Contact LIMIT 1")["totalSize"] == 1
    with pytest.raises(SalesforceAuthenticationFailed) as refused:
        Salesforce(**person | {"password": "wrong"}, **app, session=session)
    assert refused.value.code == "invalid_grant"


@calls(CLIENT, "Salesforce(consumer_key, consumer_secret, domain)")
def test_a_program_signs_in_with_client_credentials(org):
    assert local_salesforce.sign_in(org).query("SELECT Id FROM Contact LIMIT 1")["totalSize"] == 1
    with pytest.raises(SalesforceAuthenticationFailed) as refused:
        local_salesforce.sign_in(org | {"org_client_secret": "wrong"})
    assert refused.value.code == "invalid_client"


@calls(CLIENT, "Salesforce(session_id, instance_url)")
def test_a_session_is_used_over_https_with_the_orgs_own_authority(sf_over_https):
    assert sf_over_https.query("SELECT Id FROM Contact LIMIT 1")["totalSize"] == 1


@calls(CLIENT, "describe", "X.describe", "X.metadata")
def test_objects_are_described(sf):
    names = {each["name"]: each for each in sf.describe()["sobjects"]}
    assert names["Contact"]["keyPrefix"] == "003" and names["Contact"]["createable"] is True
    described = sf.Contact.describe()
    fields = {field["name"]: field for field in described["fields"]}
    assert fields["Email"]["type"] == "email"
    assert fields["AccountId"]["referenceTo"] == ["Account"] and fields["AccountId"]["relationshipName"] == "Account"
    assert "Contacts" in [child["relationshipName"] for child in sf.Account.describe()["childRelationships"]]
    assert sf.Contact.metadata()["objectDescribe"]["name"] == "Contact"


@calls(CLIENT, "X.create", "X.get", "X.update", "X.delete")
def test_a_record_is_created_read_changed_and_deleted(sf):
    contact_id = sf.Contact.create({"LastName": "Conformance"})["id"]
    assert len(contact_id) == 18
    assert sf.Contact.update(contact_id, {"Title": "Tester"}) == 204
    assert sf.Contact.get(contact_id)["Title"] == "Tester"
    assert sf.Contact.delete(contact_id) == 204
    with pytest.raises(SalesforceResourceNotFound) as gone:
        sf.Contact.get(contact_id)
    assert gone.value.content[0]["errorCode"] in ("NOT_FOUND", "ENTITY_IS_DELETED")


@calls(CLIENT, "X.upsert", "X.get_by_custom_id")
def test_a_record_is_made_and_then_changed_by_its_external_id(sf):
    key = unique()
    assert sf.Account.upsert(f"External_Id__c/{key}", {"Name": "First"}, raw_response=True).status_code == 201
    assert sf.Account.upsert(f"External_Id__c/{key}", {"Name": "Second"}, raw_response=True).status_code in (200, 204)
    account = sf.Account.get_by_custom_id("External_Id__c", key)
    assert account["Name"] == "Second"
    assert sf.Account.delete(account["Id"]) == 204
    with pytest.raises(SalesforceResourceNotFound):
        sf.Account.get_by_custom_id("External_Id__c", key)


@calls(CLIENT, "query", "query_more", "query_all", "query_all_iter")
def test_a_query_pages(sf):
    first = sf.query("SELECT Id FROM Contact")
    assert first["done"] is False and len(first["records"]) == 2000
    second = sf.query_more(first["nextRecordsUrl"], identifier_is_url=True)
    assert second["done"] is True and len(second["records"]) == first["totalSize"] - 2000
    everyone = sf.query_all("SELECT Id, Account.Name FROM Contact")
    assert len({each["Id"] for each in everyone["records"]}) == len(everyone["records"]) >= first["totalSize"]
    assert any(each["Account"] and each["Account"]["Name"] for each in everyone["records"])
    assert len(list(sf.query_all_iter("SELECT Id FROM Account LIMIT 7"))) == 7


@calls(CLIENT, "query_all(include_deleted=True)")
def test_deleted_records_are_seen_by_those_who_ask(sf):
    name = unique()
    contact_id = sf.Contact.create({"LastName": name})["id"]
    sf.Contact.delete(contact_id)
    soql = f"SELECT Id, IsDeleted FROM Contact WHERE LastName = '{name}'"
    assert sf.query_all(soql)["records"] == []
    [deleted] = sf.query_all(soql, include_deleted=True)["records"]
    assert (deleted["Id"], deleted["IsDeleted"]) == (contact_id, True)


@calls(CLIENT, "query (aggregates, subquery)")
def test_a_query_counts_and_follows_children(sf):
    [group] = sf.query("SELECT COUNT(Id) how_many, MAX(CreatedDate) FROM Contact")["records"]
    assert group["how_many"] == sf.query("SELECT COUNT() FROM Contact")["totalSize"]
    accounts = sf.query("SELECT Name, (SELECT LastName FROM Contacts LIMIT 2) FROM Account ORDER BY Name LIMIT 20")["records"]
    assert any(account["Contacts"] and account["Contacts"]["records"][0]["LastName"] for account in accounts)


@calls(CLIENT, "X.updated", "X.deleted")
def test_what_changed_in_a_span_is_told(sf, contact_id):
    gone = sf.Contact.create({"LastName": "Conformance"})["id"]
    sf.Contact.delete(gone)
    now = datetime.datetime.now(datetime.timezone.utc)
    span = now - datetime.timedelta(minutes=30), now + datetime.timedelta(minutes=2)
    assert contact_id in sf.Contact.updated(*span)["ids"]
    assert gone in [record["id"] for record in sf.Contact.deleted(*span)["deletedRecords"]]


@calls(CLIENT, "limits")
def test_limits_are_told(sf):
    limits = sf.limits()
    assert 0 < limits["DailyApiRequests"]["Remaining"] < limits["DailyApiRequests"]["Max"]
    assert sf.api_usage["api-usage"].total == limits["DailyApiRequests"]["Max"]


@calls(CLIENT, "search", "quick_search")
def test_a_search_finds_a_name(sf):
    name = unique().replace("-", "")
    contact_id = sf.Contact.create({"LastName": name})["id"]
    assert [found["Id"] for found in sf.quick_search(name)["searchRecords"]] == [contact_id]
    found = sf.search(f"FIND {{{name}}} IN NAME FIELDS RETURNING Contact(Id, LastName)")["searchRecords"]
    assert [(each["Id"], each["LastName"]) for each in found] == [(contact_id, name)]
    sf.Contact.delete(contact_id)


@calls(CLIENT, "restful (composite, batch)")
def test_several_calls_are_sent_as_one(sf):
    path = f"/services/data/v{sf.sf_version}"
    name = unique()
    parts = [
        {"method": "POST", "url": f"{path}/sobjects/Account", "referenceId": "firm", "body": {"Name": name}},
        {
            "method": "POST",
            "url": f"{path}/sobjects/Contact",
            "referenceId": "person",
            "body": {"LastName": name, "AccountId": "@{firm.id}"},
        },
    ]
    answer = sf.restful("composite", method="POST", json={"allOrNone": True, "compositeRequest": parts})
    assert [part["httpStatusCode"] for part in answer["compositeResponse"]] == [201, 201]
    batch = [{"method": "GET", "url": f"v{sf.sf_version}/limits"}, {"method": "GET", "url": f"{path}/sobjects/Nothing/describe"}]
    answer = sf.restful("composite/batch", method="POST", json={"batchRequests": batch})
    assert answer["hasErrors"] is True and [result["statusCode"] for result in answer["results"]] == [200, 404]
    sf.Account.delete(sf.query(f"SELECT Id FROM Account WHERE Name = '{name}'")["records"][0]["Id"])


@calls(CLIENT, "toolingexecute")
def test_a_field_is_found_through_the_tooling_api(sf):
    soql = "SELECT QualifiedApiName, DataType FROM FieldDefinition WHERE EntityDefinition.QualifiedApiName = 'Account'"
    found = sf.toolingexecute("query/", params={"q": soql})
    assert "External_Id__c" in [field["QualifiedApiName"] for field in found["records"]]


def rows(text):
    return list(csv.DictReader(io.StringIO(text)))


@calls(CLIENT, "bulk2.X.query", "bulk2.X.query_all")
def test_bulk_2_queries_page_by_page(sf):
    total = sf.query("SELECT COUNT() FROM Contact")["totalSize"]
    pages = list(sf.bulk2.Contact.query("SELECT Id, Email FROM Contact", max_records=1000, wait=WAIT_S))
    assert len(pages) == -(-total // 1000)
    assert len({row["Id"] for page in pages for row in rows(page)}) == total
    everything = list(sf.bulk2.Contact.query_all("SELECT Id, IsDeleted FROM Contact", wait=WAIT_S))
    assert sum(len(rows(page)) for page in everything) >= total


@calls(CLIENT, "bulk2.X.download")
def test_bulk_2_downloads_into_files(sf, tmp_path):
    results = sf.bulk2.Account.download("SELECT Id, Name FROM Account", str(tmp_path), wait=WAIT_S)
    assert sum(result["number_of_records"] for result in results) == sf.query("SELECT COUNT() FROM Account")["totalSize"]


@calls(
    CLIENT,
    "bulk2.X.insert",
    "bulk2.X.update",
    "bulk2.X.upsert",
    "bulk2.X.delete",
    "bulk2.X.get_successful_records",
    "bulk2.X.get_failed_records",
)
def test_bulk_2_writes_and_reports_each_row(sf):
    keys = [unique() for _ in range(3)]
    accounts = [{"Name": "New", "External_Id__c": key} for key in keys]
    [job] = sf.bulk2.Account.insert(records=[*accounts, {"Name": "", "External_Id__c": unique()}], wait=WAIT_S)
    assert (job["numberRecordsProcessed"], job["numberRecordsFailed"]) == (4, 1)
    made = rows(sf.bulk2.Account.get_successful_records(job["job_id"]))
    assert [row["External_Id__c"] for row in made] == keys and {row["sf__Created"] for row in made} == {"true"}
    [failed] = rows(sf.bulk2.Account.get_failed_records(job["job_id"]))
    assert failed["sf__Error"].startswith("REQUIRED_FIELD_MISSING")

    ids = [row["sf__Id"] for row in made]
    [job] = sf.bulk2.Account.update(records=[{"Id": ids[0], "Name": "Changed", "Phone": "#N/A"}], wait=WAIT_S)
    assert job["numberRecordsFailed"] == 0 and sf.Account.get(ids[0])["Name"] == "Changed"
    upserted = [{"External_Id__c": keys[1], "Name": "Upserted"}, {"External_Id__c": unique(), "Name": "Upserted"}]
    [job] = sf.bulk2.Account.upsert(records=upserted, external_id_field="External_Id__c", wait=WAIT_S)
    created = rows(sf.bulk2.Account.get_successful_records(job["job_id"]))
    assert [row["sf__Created"] for row in created] == ["false", "true"]
    ids.append(created[1]["sf__Id"])
    [job] = sf.bulk2.Account.delete(records=[{"Id": each} for each in ids], wait=WAIT_S)
    assert (job["numberRecordsProcessed"], job["numberRecordsFailed"]) == (4, 0)
    assert sf.query(f"SELECT Id FROM Account WHERE External_Id__c = '{keys[1]}'")["totalSize"] == 0


@pytest.fixture
def quick_looks(monkeypatch):
    """It looks at a job of the first Bulk API every five seconds, which nothing but this changes."""
    monkeypatch.setattr("simple_salesforce.bulk.sleep", lambda _: time.sleep(WAIT_S))


@calls(CLIENT, "bulk.X.query", "bulk.X.query_all")
@pytest.mark.usefixtures("quick_looks")
def test_bulk_1_queries(sf):
    total = sf.query("SELECT COUNT() FROM Account")["totalSize"]
    found = sf.bulk.Account.query("SELECT Id, Name, CreatedDate, NumberOfEmployees FROM Account")
    assert len({row["Id"] for row in found}) == len(found) == total
    # Milliseconds, where every other API has text.
    assert all(isinstance(row["CreatedDate"], int) for row in found)
    assert len(sf.bulk.Account.query_all("SELECT Id FROM Account")) >= total


@pytest.mark.usefixtures("quick_looks")
@calls(CLIENT, "bulk.X.insert", "bulk.X.update", "bulk.X.upsert", "bulk.X.delete")
def test_bulk_1_writes_and_reports_each_row(sf):
    keys = [unique(), unique()]
    made = sf.bulk.Account.insert([*({"Name": "New", "External_Id__c": key} for key in keys), {"Name": None}])
    assert [row["success"] for row in made] == [True, True, False]
    assert made[2]["errors"][0]["statusCode"] == "REQUIRED_FIELD_MISSING"
    ids = [row["id"] for row in made[:2]]
    assert [row["success"] for row in sf.bulk.Account.update([{"Id": ids[0], "Name": "Changed"}])] == [True]
    assert sf.Account.get(ids[0])["Name"] == "Changed"
    upserted = sf.bulk.Account.upsert([{"External_Id__c": key, "Name": "Upserted"} for key in keys], "External_Id__c")
    assert [(row["id"], row["created"]) for row in upserted] == [(ids[0], False), (ids[1], False)]
    assert [row["success"] for row in sf.bulk.Account.delete([{"Id": each} for each in ids])] == [True, True]


@calls(CLIENT, "mdapi.describe_metadata", "mdapi.CustomField.create", "mdapi.CustomField.read", "mdapi.CustomField.delete")
def test_a_field_is_made_read_and_removed_through_the_metadata_api(sf_over_https):
    mdapi, name = sf_over_https.mdapi, f"Contact.Made_{uuid.uuid4().hex[:8]}__c"
    described = mdapi.describe_metadata()
    assert "CustomObject" in [each.xmlName for each in described.metadataObjects]
    mdapi.CustomField.create(mdapi.CustomField(fullName=name, label="Made", type=mdapi.FieldType("Text"), length=40))
    read = mdapi.CustomField.read(name)
    assert (read.fullName, read.label, int(read.length)) == (name, "Made", 40)
    with pytest.raises(Exception, match="DUPLICATE"):
        mdapi.CustomField.create(mdapi.CustomField(fullName=name, label="Made", type=mdapi.FieldType("Text"), length=40))
    mdapi.CustomField.delete(name)


@calls(CLIENT, "deploy")
@pytest.mark.xfail(raises=SalesforceGeneralError, reason="the Metadata API takes no files")
def test_files_are_deployed(sf_over_https, tmp_path):
    package = tmp_path / "package.zip"
    with zipfile.ZipFile(package, "w") as file:
        file.writestr("package.xml", "<Package xmlns='http://soap.sforce.com/2006/04/metadata'><version>60.0</version></Package>")
    assert sf_over_https.deploy(str(package), sandbox=True)["asyncId"]


@calls(CLIENT, "error classes")
def test_each_mistake_is_the_exception_that_its_users_catch(sf, org, contact_id):
    with pytest.raises(SalesforceMalformedRequest) as refused:
        sf.query("SELECT Id FROM Contact WHERE")
    assert refused.value.content[0]["errorCode"] == "MALFORMED_QUERY"
    with pytest.raises(SalesforceMalformedRequest) as refused:
        sf.Contact.update(contact_id, {"NoSuchField": 1})
    assert refused.value.content[0]["errorCode"] == "INVALID_FIELD"
    with pytest.raises(SalesforceMalformedRequest) as refused:
        sf.Contact.create({"FirstName": "Nameless"})
    assert refused.value.content[0]["errorCode"] == "REQUIRED_FIELD_MISSING" and refused.value.content[0]["fields"] == ["LastName"]
    with pytest.raises(SalesforceResourceNotFound) as refused:
        sf.Nothing.describe()
    assert refused.value.content[0]["errorCode"] == "NOT_FOUND"
    session = local_salesforce.redirected_session(org["org_url"])
    with pytest.raises(SalesforceExpiredSession) as refused:
        Salesforce(session_id="00D000000000000!none", instance_url="https://127.0.0.1", session=session).limits()
    assert refused.value.content[0]["errorCode"] == "INVALID_SESSION_ID"
