//! The part of the Metadata API (SOAP) that makes, reads and removes custom objects and fields, one by one, and says what there is.
//!
//! Files (`deploy`, `retrieve`) are not taken: they are answered as operations that the WSDL does not have.

use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::Response;
use serde_json::{Value as Json, json};

use super::Web;
use super::data::{VERSION_MAX, VERSION_MIN};
use super::html::escape;
use super::soap::xml;
use super::xml::{self as markup, Element};
use crate::core::{FieldValue, Org, Permission, WriteContext, WriteError};

/// Components of one call (Metadata API guide).
const COMPONENTS_MAX: usize = 10;
const OBJECT: &str = "CustomObject";
const FIELD: &str = "CustomField";

/// `POST /services/Soap/m/NN.0`, with or without an org's id behind it.
pub(crate) async fn serve(web: State<Web>, Path(path): Path<Vec<String>>, body: String) -> Response {
    let version = path.first().and_then(|version| version.strip_suffix(".0").unwrap_or(version).parse::<u32>().ok());
    let Some(version) = version.filter(|version| (VERSION_MIN..=VERSION_MAX).contains(version)) else {
        return fault("UNSUPPORTED_API_VERSION", "Invalid Api version specified on URL");
    };
    let envelope = markup::parse(&body);
    let part = |name: &str| envelope.as_ref().and_then(|envelope| envelope.child(name));
    let Some(operation) = part("Body").and_then(|body| body.children.first()) else {
        return fault("UNKNOWN_EXCEPTION", "The request is no SOAP envelope");
    };
    let session = part("Header").and_then(|header| header.child("SessionHeader")?.child("sessionId"));
    let now_ms = web.org.now_ms();
    let mut org = web.org.lock();
    let Some(session) = session.and_then(|session| org.use_session(&session.text, now_ms)) else {
        let words = "Invalid Session ID found in SessionHeader: Illegal Session. Session not found";
        return fault("INVALID_SESSION_ID", words);
    };
    let access = org.access(&session.user_id, now_ms);
    let may_customize = access.has(Permission::CustomizeApplication);
    let change_origin = format!("com/salesforce/api/soap/{version}.0");
    let context = WriteContext { user_id: session.user_id, change_origin, now_ms };
    let answer = Operation { org: &mut org, context, of: operation }.answer(may_customize);
    web.org.tell(org);
    match answer {
        Ok(Some(results)) => {
            let name = &operation.name;
            envelope_of(StatusCode::OK, &format!("<{name}Response>{results}</{name}Response>"))
        }
        Ok(None) => {
            let name = format!("{{http://soap.sforce.com/2006/04/metadata}}{}", operation.name);
            let words = format!("No operation available for request {name}, please check the WSDL for the service.");
            let fault = format!("<faultcode>soapenv:Client</faultcode><faultstring>{}</faultstring>", escape(&words));
            envelope_of(StatusCode::INTERNAL_SERVER_ERROR, &format!("<soapenv:Fault>{fault}</soapenv:Fault>"))
        }
        Err(error) => fault(error.code, &error.message),
    }
}

/// One operation of a request.
struct Operation<'o> {
    org: &'o mut Org,
    context: WriteContext,
    of: &'o Element,
}

impl Operation<'_> {
    /// The results as XML; `None` for an operation that is not here.
    fn answer(&mut self, may_customize: bool) -> Result<Option<String>, WriteError> {
        let changes = ["createMetadata", "updateMetadata", "upsertMetadata", "deleteMetadata"];
        if changes.contains(&self.of.name.as_str()) && !may_customize {
            return Err(WriteError::new("INSUFFICIENT_ACCESS", "insufficient access rights on cross-reference id"));
        }
        let count = self.of.children_named("metadata").chain(self.of.children_named("fullNames")).count();
        if count > COMPONENTS_MAX {
            let message =
                format!("record limit reached. cannot submit more than {COMPONENTS_MAX} records in this request");
            return Err(WriteError::new("EXCEEDED_ID_LIMIT", message));
        }
        let mut results = String::new();
        match self.of.name.as_str() {
            "describeMetadata" => markup::write(&mut results, "result", &description()),
            "listMetadata" => markup::write(&mut results, "result", &self.list()),
            "readMetadata" => self.read(&mut results)?,
            "deleteMetadata" => {
                let kind = self.kind()?;
                for name in self.of.children_named("fullNames").map(|name| name.text.clone()) {
                    let outcome = self.delete(&kind, &name);
                    markup::write(&mut results, "result", &told(&name, outcome, None));
                }
            }
            "createMetadata" | "updateMetadata" | "upsertMetadata" => {
                for component in self.of.children_named("metadata") {
                    markup::write(&mut results, "result", &self.write(component));
                }
            }
            _ => return Ok(None),
        }
        Ok(Some(results))
    }

    fn kind(&self) -> Result<String, WriteError> {
        let kind = self.of.child("type").map_or("", |kind| kind.text.as_str());
        check_kind(kind).map(|()| kind.to_owned())
    }

    fn id(&self, kind: &str, full_name: &str) -> Option<String> {
        if kind == OBJECT { self.org.object_id(full_name) } else { self.org.field_id(full_name) }
    }

    fn write(&mut self, component: &Element) -> Json {
        let full_name = component.child("fullName").map_or(String::new(), |name| name.text.clone());
        let kind = component.kind.clone().unwrap_or_default();
        let known = self.id(&kind, &full_name);
        let is_made = match self.of.name.as_str() {
            "createMetadata" => true,
            "updateMetadata" => false,
            _ => known.is_none(),
        };
        let outcome = check_kind(&kind).and_then(|()| match (is_made, known) {
            (true, _) => self.create(&kind, &full_name, component.to_json()),
            (false, Some(id)) => self.update(&kind, &id, component.to_json()),
            (false, None) => Err(not_found(&kind, &full_name)),
        });
        let is_upsert = self.of.name == "upsertMetadata";
        told(&full_name, outcome, is_upsert.then_some(is_made))
    }

    fn create(&mut self, kind: &str, full_name: &str, mut definition: Json) -> Result<(), WriteError> {
        if kind == FIELD {
            return self.org.create_field(full_name, &definition, self.context.now_ms).map(drop);
        }
        let fields = take_fields(&mut definition);
        let id = self.org.create_object(full_name, &definition, self.context.now_ms)?;
        for field in fields {
            let name = format!("{full_name}.{}", field["fullName"].as_str().unwrap_or_default());
            if let Err(error) = self.org.create_field(&name, &field, self.context.now_ms) {
                // An object comes with all of its fields or not at all.
                self.org.delete_object(&id)?;
                return Err(error);
            }
        }
        Ok(())
    }

    fn update(&mut self, kind: &str, id: &str, mut definition: Json) -> Result<(), WriteError> {
        if kind == FIELD {
            return self.org.update_field(&self.context, id, &definition);
        }
        take_fields(&mut definition);
        self.org.update_object(id, &definition, self.context.now_ms)
    }

    fn delete(&mut self, kind: &str, full_name: &str) -> Result<(), WriteError> {
        let id = self.id(kind, full_name).ok_or_else(|| not_found(kind, full_name))?;
        if kind == FIELD { self.org.delete_field(&id, self.context.now_ms) } else { self.org.delete_object(&id) }
    }

    fn read(&self, results: &mut String) -> Result<(), WriteError> {
        let kind = self.kind()?;
        results.push_str("<result>");
        for name in self.of.children_named("fullNames") {
            let definition = if kind == FIELD { self.field(&name.text) } else { self.object(&name.text) };
            let Some(Json::Object(definition)) = definition else {
                results.push_str("<records xsi:nil=\"true\"/>");
                continue;
            };
            results.push_str(&format!("<records xsi:type=\"{kind}\"><fullName>{}</fullName>", escape(&name.text)));
            definition.iter().for_each(|(name, value)| markup::write(results, name, value));
            results.push_str("</records>");
        }
        results.push_str("</result>");
        Ok(())
    }

    fn field(&self, full_name: &str) -> Option<Json> {
        let (object, name) = full_name.split_once('.')?;
        self.org.field_id(full_name)?;
        self.org.field_metadata(object, name)
    }

    fn object(&self, name: &str) -> Option<Json> {
        let object = self.org.object(name).filter(|object| !object.tooling)?;
        let mut definition = self.org.object_metadata(name).unwrap_or_else(|| json!({ "label": object.label }));
        let custom = object.each_field().filter(|(_, field)| field.custom && field.compound.is_none());
        let fields: Vec<Json> = custom
            .filter_map(|(_, field)| {
                let mut definition = self.org.field_metadata(name, &field.name)?;
                definition["fullName"] = json!(field.name);
                Some(definition)
            })
            .collect();
        definition["fields"] = json!(fields);
        Some(definition)
    }

    fn list(&self) -> Json {
        let mut found = Vec::new();
        for query in self.of.children_named("queries") {
            match query.child("type").map_or("", |kind| kind.text.as_str()) {
                OBJECT => {
                    let objects =
                        self.org.objects().filter(|object| object.writeable && !object.tooling && !object.setup);
                    found.extend(
                        objects.map(|object| self.properties(OBJECT, &object.name, &object.name, &object.durable_id)),
                    );
                }
                FIELD => {
                    for object in self.org.objects() {
                        let custom = object.each_field().filter(|(_, field)| field.custom && field.compound.is_none());
                        found.extend(custom.map(|(_, field)| {
                            let full_name = format!("{}.{}", object.name, field.name);
                            self.properties(FIELD, &full_name, &object.name, &field.durable_id)
                        }));
                    }
                }
                _ => {}
            }
        }
        Json::Array(found)
    }

    /// `FileProperties` of a component.
    fn properties(&self, kind: &str, full_name: &str, object: &str, id: &str) -> Json {
        let admin = self.org.admin_user_id();
        let name = self.org.record(admin).and_then(|(user, row)| row.get(user.index_of("Name")?).as_text());
        let stamp = |field: &str| {
            let (of, row) = self.org.record(id)?;
            Some(row.get(of.index_of(field)?).to_value()).filter(|value| !value.is_null())
        };
        let moment = |field: &str| {
            let value = stamp(field).unwrap_or(FieldValue::DateTime(0));
            json!(value.to_json().as_str().unwrap_or_default().replace("+0000", "Z"))
        };
        json!({
            "createdById": admin,
            "createdByName": name,
            "createdDate": moment("CreatedDate"),
            "fileName": format!("objects/{object}.object"),
            "fullName": full_name,
            "id": id,
            "lastModifiedById": admin,
            "lastModifiedByName": name,
            "lastModifiedDate": moment("LastModifiedDate"),
            "manageableState": "unmanaged",
            "type": kind,
        })
    }
}

fn check_kind(kind: &str) -> Result<(), WriteError> {
    if [OBJECT, FIELD].contains(&kind) {
        return Ok(());
    }
    Err(WriteError::new("INVALID_TYPE", format!("Unknown type {kind}")))
}

fn not_found(kind: &str, full_name: &str) -> WriteError {
    let message = format!("In field: fullName - no {kind} named {full_name} found");
    WriteError::new("INVALID_CROSS_REFERENCE_KEY", message)
}

/// The fields of an object, which have definitions of their own.
fn take_fields(definition: &mut Json) -> Vec<Json> {
    match definition.as_object_mut().and_then(|definition| definition.shift_remove("fields")) {
        Some(Json::Array(fields)) => fields,
        Some(field @ Json::Object(_)) => vec![field],
        _ => Vec::new(),
    }
}

/// `SaveResult`, `UpsertResult` or `DeleteResult`.
fn told(full_name: &str, outcome: Result<(), WriteError>, is_made: Option<bool>) -> Json {
    let mut result = json!({});
    if let (Some(is_made), Ok(())) = (is_made, &outcome) {
        result["created"] = json!(is_made);
    }
    if let Err(error) = &outcome {
        result["errors"] = json!({ "fields": error.fields, "message": error.message, "statusCode": error.code });
    }
    result["fullName"] = json!(full_name);
    result["success"] = json!(outcome.is_ok());
    result
}

/// `DescribeMetadataResult`: the kinds of component that there are here.
fn description() -> Json {
    json!({
        "metadataObjects": [{
            "childXmlNames": [FIELD],
            "directoryName": "objects",
            "inFolder": false,
            "metaFile": false,
            "suffix": "object",
            "xmlName": OBJECT,
        }],
        "organizationNamespace": "",
        "partialSaveAllowed": true,
        "testRequired": false,
    })
}

fn envelope_of(status: StatusCode, body: &str) -> Response {
    let envelope = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns=\"http://soap.sforce.com/2006/04/metadata\" xmlns:sf=\"http://soap.sforce.com/2006/04/metadata\" \
         xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\">\
         <soapenv:Body>{body}</soapenv:Body></soapenv:Envelope>"
    );
    xml(status, envelope)
}

fn fault(code: &str, words: &str) -> Response {
    let fault = format!("<faultcode>sf:{code}</faultcode><faultstring>{code}: {}</faultstring>", escape(words));
    envelope_of(StatusCode::INTERNAL_SERVER_ERROR, &format!("<soapenv:Fault>{fault}</soapenv:Fault>"))
}
