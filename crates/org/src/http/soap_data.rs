//! The SOAP operations that REST has no counterpart of: `merge`, `convertLead`, `undelete` and `emptyRecycleBin`.
//!
//! Knows the elements of the requests and the results; what they do is a write like any other. (SOAP API Developer Guide.)

use std::fmt::Write as _;

use axum::response::Response;
use serde_json::{Map, Value};

use super::Web;
use super::html::escape;
use super::soap::{Flavour, local_name, unescape};
use crate::core::{LeadConversion, Write, WriteContext, WriteError, WriteOutcome};

/// The operations that are answered here.
pub(super) const OPERATIONS: [&str; 4] = ["merge", "convertLead", "undelete", "emptyRecycleBin"];

/// Elements in one request (SOAP API Developer Guide: 200 records a call).
const RECORDS_MAX: usize = 200;
/// How deep elements may stand in one another; requests need six.
const DEPTH_MAX: usize = 16;

/// An element with what is in it, names without their prefixes.
#[derive(Debug, Default, PartialEq)]
struct Element {
    name: String,
    text: String,
    children: Vec<Element>,
}

impl Element {
    fn all<'e>(&'e self, name: &'static str) -> impl Iterator<Item = &'e Element> {
        self.children.iter().filter(move |child| child.name == name)
    }

    fn child(&self, name: &'static str) -> Option<&Element> {
        self.all(name).next()
    }

    /// The text of a child, if it says anything.
    fn said(&self, name: &'static str) -> Option<String> {
        self.child(name).map(|child| child.text.trim().to_owned()).filter(|text| !text.is_empty())
    }

    fn is_true(&self, name: &'static str) -> bool {
        self.said(name).is_some_and(|text| text == "true" || text == "1")
    }
}

/// The root element of a document; `None` for what is not well-formed, or has a document type.
fn parse(xml: &str) -> Option<Element> {
    let mut open = vec![Element::default()];
    let mut rest = xml;
    while let Some(at) = rest.find('<') {
        open.last_mut()?.text.push_str(&unescape(&rest[..at]));
        rest = &rest[at..];
        if let Some(content) = rest.strip_prefix("<![CDATA[") {
            let (text, after) = content.split_once("]]>")?;
            open.last_mut()?.text.push_str(text);
            rest = after;
        } else if let Some(comment) = rest.strip_prefix("<!--") {
            rest = comment.split_once("-->")?.1;
        } else if let Some(instruction) = rest.strip_prefix("<?") {
            rest = instruction.split_once("?>")?.1;
        } else if rest.starts_with("<!") {
            return None;
        } else {
            let (tag, after) = rest[1..].split_once('>')?;
            rest = after;
            let name = tag.trim_start_matches('/').split(['/', ' ', '\n', '\r', '\t']).next()?;
            let closes = tag.starts_with('/');
            if !closes {
                open.push(Element { name: local_name(name).to_owned(), ..Element::default() });
            }
            if closes || tag.ends_with('/') {
                let closed = open.pop().filter(|closed| closed.name == local_name(name))?;
                open.last_mut()?.children.push(closed);
            }
            if open.len() > DEPTH_MAX {
                return None;
            }
        }
    }
    let mut document = open.pop().filter(|_| open.is_empty())?;
    document.children.pop().filter(|_| document.children.is_empty())
}

/// Answers one of [`OPERATIONS`].
pub(super) fn answer(web: &Web, flavour: Flavour, version: u32, operation: &str, xml: &str) -> Response {
    let Some(envelope) = parse(xml) else {
        return flavour.fault("INVALID_SOAP", "The request is not a well-formed SOAP envelope");
    };
    let nothing = Element::default();
    let header = envelope.child("Header").unwrap_or(&nothing);
    let in_header = |name, of| header.child(name).and_then(|header| header.said(of));
    let now_ms = web.org.now_ms();
    let token = in_header("SessionHeader", "sessionId").unwrap_or_default();
    let Some(session) = web.org.lock().use_session(&token, now_ms) else {
        let words = "Invalid Session ID found in SessionHeader: Illegal Session. Session not found";
        return flavour.fault("INVALID_SESSION_ID", words);
    };
    let request = envelope.child("Body").and_then(|body| body.children.first()).unwrap_or(&nothing);
    let writes = writes(operation, request);
    if writes.len() > RECORDS_MAX {
        return flavour.fault("EXCEEDED_MAX_TYPES_LIMIT", "a request has 200 records at most");
    }
    let mut change_origin = format!("com/salesforce/api/soap/{version}.0");
    if let Some(client) = in_header("CallOptions", "client") {
        let _ = write!(change_origin, ";client={client}");
    }
    let context = WriteContext { user_id: session.user_id, change_origin, now_ms };
    let all_or_none = in_header("AllOrNoneHeader", "allOrNone").is_some_and(|text| text == "true");
    let results = web.org.commit(&context, all_or_none, writes.clone());
    let mut body = String::new();
    for (write, result) in writes.iter().zip(&results) {
        let _ = write!(body, "<result>{}</result>", shown(web, write, result));
    }
    flavour.envelope(&format!("<{operation}Response>{body}</{operation}Response>"))
}

fn writes(operation: &str, request: &Element) -> Vec<Write> {
    match operation {
        "merge" => request.all("request").map(merge).collect(),
        "convertLead" => request.all("leadConverts").map(conversion).collect(),
        _ => {
            let ids = request.all("ids").map(|id| id.text.trim().to_owned());
            ids.map(|id| if operation == "undelete" { Write::Undelete { id } } else { Write::EmptyBin { id } })
                .collect()
        }
    }
}

fn merge(request: &Element) -> Write {
    let nothing = Element::default();
    let master = request.child("masterRecord").unwrap_or(&nothing);
    let mut values = Map::new();
    for field in master.children.iter().filter(|field| !matches!(field.name.as_str(), "type" | "Id")) {
        match field.name.as_str() {
            "fieldsToNull" => values.insert(field.text.trim().to_owned(), Value::Null),
            name => values.insert(name.to_owned(), Value::String(field.text.clone())),
        };
    }
    Write::Merge {
        master: master.said("Id").unwrap_or_default(),
        losers: request.all("recordToMergeIds").map(|id| id.text.trim().to_owned()).collect(),
        values,
    }
}

fn conversion(request: &Element) -> Write {
    Write::Convert(LeadConversion {
        lead_id: request.said("leadId").unwrap_or_default(),
        converted_status: request.said("convertedStatus").unwrap_or_default(),
        account_id: request.said("accountId"),
        contact_id: request.said("contactId"),
        do_not_create_opportunity: request.is_true("doNotCreateOpportunity"),
        opportunity_name: request.said("opportunityName"),
        owner_id: request.said("ownerId"),
        overwrite_lead_source: request.is_true("overwriteLeadSource"),
    })
}

/// The elements of a result, in the order of the WSDL.
fn shown(web: &Web, write: &Write, result: &Result<WriteOutcome, WriteError>) -> String {
    let element = |name: &str, text: Option<&str>| match text {
        Some(text) => format!("<{name}>{}</{name}>", escape(text)),
        None => format!("<{name} xsi:nil=\"true\"/>"),
    };
    let errors = result.as_ref().err().map(|error| {
        let fields: String = error.fields.iter().map(|field| element("fields", Some(field))).collect();
        format!(
            "<errors>{fields}{}<statusCode>{}</statusCode></errors>",
            element("message", Some(&error.message)),
            error.code
        )
    });
    let errors = errors.unwrap_or_default();
    let outcome = result.as_ref().ok();
    let success = format!("<success>{}</success>", outcome.is_some());
    let id = outcome.map(|outcome| outcome.id.as_str());
    match write {
        Write::Convert(wanted) => {
            let org = web.org.lock();
            let lead = id.and_then(|id| org.record(id));
            let made = |field: &str| lead.and_then(|(leads, row)| row.get(leads.index_of(field)?).as_text());
            [
                element("accountId", made("ConvertedAccountId")),
                element("contactId", made("ConvertedContactId")),
                errors,
                element("leadId", id.or(Some(&wanted.lead_id))),
                element("opportunityId", made("ConvertedOpportunityId")),
                success,
            ]
            .concat()
        }
        Write::Merge { losers, .. } => {
            let merged = losers.iter().filter(|_| outcome.is_some()).filter_map(|id| crate::core::id::normalize(id));
            let merged: String = merged.map(|id| element("mergedRecordIds", Some(&id))).collect();
            let related = outcome.map_or(&[][..], |outcome| &outcome.related);
            let related: String = related.iter().map(|id| element("updatedRelatedIds", Some(id))).collect();
            [errors, element("id", id), merged, success, related].concat()
        }
        _ => [errors, element("id", id), success].concat(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn elements_stand_in_one_another() {
        let xml = "<?xml version='1.0'?><!-- x --><e:Envelope xmlns:e='u'><e:Body><merge><a>1 &amp; 2</a><b/><c><![CDATA[<x>]]></c>\
                   </merge></e:Body></e:Envelope>";
        let envelope = parse(xml).unwrap();
        let merge = envelope.child("Body").unwrap().child("merge").unwrap();
        assert_eq!(merge.said("a").as_deref(), Some("1 & 2"));
        assert_eq!((merge.said("b"), merge.said("c").as_deref()), (None, Some("<x>")));
    }

    #[test]
    fn what_is_not_well_formed_is_no_document() {
        let deep = "<a>".repeat(1000);
        for xml in ["", "x", "<a>", "<a></b>", "</a>", "<a/><b/>", "<!DOCTYPE x><a/>", "<a", "<![CDATA[", &deep] {
            assert_eq!(parse(xml), None, "{xml:.20}");
        }
    }
}
