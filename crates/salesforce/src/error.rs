//! The one table from Salesforce's ways of saying no to an [`ErrorKind`].
//!
//! Four dialects meet here: REST (`errorCode` in an array), row results of sObject Collections (`statusCode`), OAuth
//! (`error` in an object), and the Pub/Sub API (a gRPC status with an `error-code` trailer). An answer may also be none of
//! them: an HTML page of a proxy, a cut-off JSON text, nothing. Whatever comes is capped and freed of tokens, markup and
//! control characters before it becomes a message.

use serde::Deserialize;
use syncline_model::connector::{ConnectorError, ErrorKind};

use crate::{fault_words, http::Answer};

/// Longest message that is kept.
const MAX_MESSAGE_CHARS: usize = 500;
const GRPC: &str = "sfdc.platform.eventbus.grpc.";

/// What a call would have changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing: it can be repeated.
    Reads,
    /// Records: no answer does not mean that nothing happened.
    Writes,
}

/// A code, its kind where it refuses a whole call, and its kind where it refuses one record.
type Entry = (&'static str, ErrorKind, ErrorKind);

/// Codes of REST and of row results. (REST guide, "Status Codes and Error Responses"; SOAP WSDL, `StatusCode`.)
const CODES: &[Entry] = {
    use ErrorKind::*;
    &[
        // The same later may succeed.
        ("UNABLE_TO_LOCK_ROW", Transient, Transient),
        ("QUERY_TIMEOUT", Transient, Transient),
        ("SERVER_UNAVAILABLE", Transient, Transient),
        ("UNKNOWN_EXCEPTION", Transient, Transient),
        ("INTERNAL_ERROR", Transient, Transient),
        ("API_CURRENTLY_DISABLED", Transient, Transient),
        ("TXN_ROLLED_BACK", Transient, Transient),
        ("ALL_OR_NONE_OPERATION_ROLLED_BACK", Transient, Transient),
        ("PROCESSING_HALTED", Transient, Transient),
        ("APEX_ERROR", RecordRejected, RecordRejected),
        // Limits. The first has several meanings, which its message tells; see `limit_kind`.
        ("REQUEST_LIMIT_EXCEEDED", QuotaExhausted, QuotaExhausted),
        ("REQUEST_RUNNING_TOO_LONG", RateLimited, RateLimited),
        ("EXCEEDED_QUOTA", QuotaExhausted, QuotaExhausted),
        ("STORAGE_LIMIT_EXCEEDED", Misconfigured, Misconfigured),
        // A session that renewing did not help: an IP restriction, API access control, the wrong app.
        ("INVALID_SESSION_ID", Misconfigured, Misconfigured),
        ("INVALID_AUTH_HEADER", Misconfigured, Misconfigured),
        ("Bad_OAuth_Token", Misconfigured, Misconfigured),
        ("Wrong_Org", Misconfigured, Misconfigured),
        // The org, its edition, or what the user may do at all.
        ("API_DISABLED_FOR_ORG", Misconfigured, Misconfigured),
        ("FUNCTIONALITY_NOT_ENABLED", Misconfigured, Misconfigured),
        ("ORG_LOCKED", Misconfigured, Misconfigured),
        ("USER_IS_INACTIVE", Misconfigured, RecordRejected),
        ("PASSWORD_EXPIRED", Misconfigured, Misconfigured),
        ("LOGIN_MUST_USE_SECURITY_TOKEN", Misconfigured, Misconfigured),
        ("UNSUPPORTED_API_VERSION", Misconfigured, Misconfigured),
        ("GONE", Misconfigured, Misconfigured),
        ("METHOD_NOT_ALLOWED", Misconfigured, Misconfigured),
        ("JSON_PARSER_ERROR", Misconfigured, RecordRejected),
        ("MALFORMED_QUERY", Misconfigured, RecordRejected),
        ("INVALID_QUERY_FILTER_OPERATOR", Misconfigured, RecordRejected),
        ("INVALID_QUERY_LOCATOR", Transient, Transient),
        ("EXCEEDED_ID_LIMIT", Misconfigured, Misconfigured),
        ("INSUFFICIENT_ACCESS", Misconfigured, RecordRejected),
        ("INSUFFICIENT_ACCESS_OR_READONLY", Misconfigured, RecordRejected),
        ("INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", Misconfigured, RecordRejected),
        // The record.
        ("ENTITY_IS_DELETED", RecordGone, RecordGone),
        ("NOT_FOUND", SchemaChanged, RecordGone),
        ("INVALID_CROSS_REFERENCE_KEY", RecordRejected, RecordGone),
        ("ENTITY_IS_ARCHIVED", RecordGone, RecordGone),
        ("ENTITY_IS_LOCKED", RecordRejected, RecordRejected),
        ("CANNOT_UPDATE_CONVERTED_LEAD", RecordRejected, RecordRejected),
        ("CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY", RecordRejected, RecordRejected),
        ("CANNOT_EXECUTE_FLOW_TRIGGER", RecordRejected, RecordRejected),
        ("FIELD_CUSTOM_VALIDATION_EXCEPTION", RecordRejected, RecordRejected),
        ("DUPLICATES_DETECTED", RecordRejected, RecordRejected),
        ("TRANSFER_REQUIRES_READ", RecordRejected, RecordRejected),
        // One of its fields.
        ("DUPLICATE_VALUE", FieldRejected, FieldRejected),
        ("FIELD_INTEGRITY_EXCEPTION", FieldRejected, FieldRejected),
        ("FIELD_FILTER_VALIDATION_EXCEPTION", FieldRejected, FieldRejected),
        ("INVALID_EMAIL_ADDRESS", FieldRejected, FieldRejected),
        ("INACTIVE_OWNER_OR_USER", RecordRejected, RecordRejected),
        // A standing limit (jobs, channels, entities, the parts of a call), not one of the moment.
        ("LIMIT_EXCEEDED", Misconfigured, RecordRejected),
        ("DUPLICATE_DEVELOPER_NAME", FieldRejected, FieldRejected),
        ("CUSTOM_ENTITY_OR_FIELD_LIMIT", Misconfigured, Misconfigured),
        ("CUSTOM_METADATA_LIMIT_EXCEEDED", Misconfigured, Misconfigured),
        ("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", FieldRejected, FieldRejected),
        ("INVALID_TYPE_ON_FIELD_IN_RECORD", FieldRejected, FieldRejected),
        ("NUMBER_OUTSIDE_VALID_RANGE", FieldRejected, FieldRejected),
        ("REQUIRED_FIELD_MISSING", FieldRejected, FieldRejected),
        ("STRING_TOO_LONG", FieldRejected, FieldRejected),
        // The object or the field is not what describe said, or not visible any more.
        ("INVALID_FIELD", SchemaChanged, SchemaChanged),
        ("INVALID_FIELD_FOR_INSERT_UPDATE", SchemaChanged, SchemaChanged),
        ("INVALID_TYPE", SchemaChanged, SchemaChanged),
        // All ids are Salesforce's own: one of the wrong type is of an object that was removed.
        ("MALFORMED_ID", SchemaChanged, SchemaChanged),
        // OAuth (help, "OAuth 2.0 Authorization Errors").
        ("invalid_grant", AuthRevoked, AuthRevoked),
        ("inactive_user", AuthRevoked, AuthRevoked),
        ("inactive_org", AuthRevoked, AuthRevoked),
        ("invalid_client", Misconfigured, Misconfigured),
        ("invalid_client_id", Misconfigured, Misconfigured),
        ("invalid_client_credentials", Misconfigured, Misconfigured),
        ("invalid_app_access", Misconfigured, Misconfigured),
        ("unsupported_grant_type", Misconfigured, Misconfigured),
        ("redirect_uri_mismatch", Misconfigured, Misconfigured),
        ("invalid_request", Misconfigured, Misconfigured),
        ("invalid_scope", Misconfigured, Misconfigured),
        ("unauthorized_client", Misconfigured, Misconfigured),
        ("access_denied", Misconfigured, Misconfigured),
        ("OAUTH_APPROVAL_ERROR_GENERIC", Misconfigured, Misconfigured),
        ("rate_limit_exceeded", RateLimited, RateLimited),
        ("server_error", Transient, Transient),
        ("temporarily_unavailable", Transient, Transient),
        // The Pub/Sub API's trailers, after `sfdc.platform.eventbus.grpc.` (guide, "Error Codes").
        ("service.auth.error", Misconfigured, Misconfigured),
        ("service.auth.refresh.invalid", Misconfigured, Misconfigured),
        ("service.unavailable", Transient, Transient),
        ("concurrent.client.limit.exceeded", RateLimited, RateLimited),
        ("subscription.limit.exceeded", QuotaExhausted, QuotaExhausted),
        ("subscription.fetch.replayid.corrupted", PositionLost, PositionLost),
        ("subscription.fetch.replayid.validation.failed", PositionLost, PositionLost),
        ("subscription.fetch.requested.events.invalid", Misconfigured, Misconfigured),
    ]
};

/// The whole table, for tests: each code with its kind where it refuses a call, and where it refuses a record.
pub fn fault_table() -> impl Iterator<Item = (&'static str, ErrorKind, ErrorKind)> {
    CODES.iter().copied()
}

fn known(code: &str) -> Option<&'static Entry> {
    let code = code.strip_prefix(GRPC).unwrap_or(code);
    CODES.iter().find(|entry| entry.0 == code)
}

/// `REQUEST_LIMIT_EXCEEDED` is the day's allowance only where it says so; else too much at a time.
fn limit_kind(message: &str) -> ErrorKind {
    if message.contains("TotalRequests") { ErrorKind::QuotaExhausted } else { ErrorKind::RateLimited }
}

fn call_kind(code: &str, message: &str, status: u16) -> ErrorKind {
    match known(code) {
        Some(("REQUEST_LIMIT_EXCEEDED", ..)) => limit_kind(message),
        Some((_, call, _)) => *call,
        None => status_kind(status),
    }
}

/// The kind where the status is all there is.
fn status_kind(status: u16) -> ErrorKind {
    match status {
        408 | 420 | 500..=599 => ErrorKind::Transient,
        429 => ErrorKind::RateLimited,
        _ => ErrorKind::Misconfigured,
    }
}

/// An error as REST (`errorCode`) and row results (`statusCode`) tell it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(crate) struct Refusal {
    #[serde(rename = "errorCode", alias = "statusCode")]
    code: String,
    message: String,
    fields: Option<Vec<String>>,
}

#[derive(Deserialize)]
struct OAuthRefusal {
    error: String,
    #[serde(default)]
    error_description: String,
}

/// The error that an answer other than success means.
pub(crate) fn from_answer(answer: &Answer, effect: Effect) -> ConnectorError {
    let Answer { status, body, .. } = answer;
    let first = serde_json::from_slice::<Vec<Refusal>>(body).ok().and_then(|all| all.into_iter().next());
    if let Some(refusal) = first.filter(|refusal| !refusal.code.is_empty()) {
        let kind = call_kind(&refusal.code, &refusal.message, *status);
        return refusal.with(maybe_done(kind, *status, effect));
    }
    if let Ok(refusal) = serde_json::from_slice::<OAuthRefusal>(body) {
        let kind = call_kind(&refusal.error, "", *status);
        let error = ConnectorError::new(kind, presentable(&refusal.error), presentable(&refusal.error_description));
        return ConnectorError { advice: fault_words::advice(&refusal.error, &refusal.error_description), ..error };
    }
    let kind = maybe_done(status_kind(*status), *status, effect);
    ConnectorError::new(kind, format!("HTTP {status}"), no_json(answer))
}

/// The error that a part of a composite answer means.
pub(crate) fn from_part(status: u16, body: &serde_json::Value) -> ConnectorError {
    from_answer(&Answer::part(status, body.to_string().into_bytes()), Effect::Reads)
}

/// A gateway that gives up, or a fault inside Salesforce, may come after a write took effect; a 503 is sent instead of it.
fn maybe_done(kind: ErrorKind, status: u16, effect: Effect) -> ErrorKind {
    let is_fault = matches!(status, 408 | 500 | 502 | 504) && kind == ErrorKind::Transient;
    if effect == Effect::Writes && is_fault { ErrorKind::UnknownOutcome } else { kind }
}

/// The error that a success means whose body is not what was asked for.
pub(crate) fn unreadable(answer: &Answer, effect: Effect) -> ConnectorError {
    let kind = if effect == Effect::Writes { ErrorKind::UnknownOutcome } else { ErrorKind::Transient };
    ConnectorError::new(kind, format!("HTTP {}", answer.status), no_json(answer))
}

fn no_json(answer: &Answer) -> String {
    let start = String::from_utf8_lossy(&answer.body[..answer.body.len().min(8 * MAX_MESSAGE_CHARS)]);
    let content_type = answer.content_type.split(';').next().unwrap_or_default();
    let what = match content_type {
        "application/json" => "the answer is not the JSON that was expected".to_owned(),
        "" => "the answer says nothing of its type".to_owned(),
        other => format!("the answer is `{}` instead of JSON", presentable(other)),
    };
    // The start of a JSON text that did not parse could hold values of records.
    let excerpt = if content_type == "application/json" { String::new() } else { presentable(&without_markup(&start)) };
    if excerpt.is_empty() { what } else { format!("{what}: {excerpt}") }
}

/// The error of a record in an otherwise successful answer.
pub(crate) fn from_row(errors: Vec<Refusal>) -> ConnectorError {
    let Some(refusal) = errors.into_iter().next() else {
        return ConnectorError::new(ErrorKind::RecordRejected, "", "Salesforce refused the record and did not say why");
    };
    let kind = match known(&refusal.code) {
        Some(("REQUEST_LIMIT_EXCEEDED", ..)) => limit_kind(&refusal.message),
        // With a field named, it is a lookup that points nowhere; without, the record itself.
        Some(("INVALID_CROSS_REFERENCE_KEY", ..)) if refusal.names_a_field() => ErrorKind::FieldRejected,
        Some((_, _, row)) => *row,
        None => ErrorKind::RecordRejected,
    };
    refusal.with(kind)
}

/// The error of a row of a bulk job: `CODE:message:FIELD FIELD --`.
pub(crate) fn from_bulk_row(text: &str) -> ConnectorError {
    let (code, rest) = text.split_once(':').unwrap_or(("", text));
    let fields = rest.rsplit_once(':').and_then(|(message, tail)| Some((message, tail.trim_end().strip_suffix("--")?)));
    let (message, fields) = fields.unwrap_or((rest, ""));
    let fields = fields.split([' ', ',']).filter(|field| !field.is_empty()).map(str::to_owned).collect();
    from_row(vec![Refusal { code: code.to_owned(), message: message.to_owned(), fields: Some(fields) }])
}

impl Refusal {
    fn names_a_field(&self) -> bool {
        self.fields.iter().flatten().any(|field| !field.eq_ignore_ascii_case("id"))
    }

    fn with(self, kind: ErrorKind) -> ConnectorError {
        let fields = self.fields.unwrap_or_default().iter().map(|field| presentable(field)).collect();
        ConnectorError {
            kind,
            code: presentable(&self.code),
            message: presentable(&self.message),
            fields,
            advice: fault_words::advice(&self.code, &self.message),
        }
    }
}

/// The error of a call that got no answer.
pub(crate) fn from_transport(error: reqwest::Error, effect: Effect) -> ConnectorError {
    // The address may hold keys of people in its query.
    let error = error.without_url();
    let kind = match effect {
        _ if error.is_builder() => ErrorKind::Misconfigured,
        Effect::Writes if !error.is_connect() => ErrorKind::UnknownOutcome,
        _ => ErrorKind::Transient,
    };
    let what = if error.is_timeout() { "no answer in time" } else { "the connection failed" };
    ConnectorError::new(kind, "", format!("{what}: {}", presentable(&with_sources(&error))))
}

/// Whether a gRPC status says that the session is over.
pub(crate) fn is_unauthenticated(status: &tonic::Status) -> bool {
    status.code() == tonic::Code::Unauthenticated
}

/// The error that a gRPC status means.
pub(crate) fn from_grpc(status: &tonic::Status) -> ConnectorError {
    use tonic::Code;
    let trailer = status.metadata().get("error-code").and_then(|code| code.to_str().ok()).unwrap_or_default();
    let kind = match (known(trailer), status.code()) {
        (Some((_, call, _)), _) => *call,
        (None, Code::ResourceExhausted) => ErrorKind::RateLimited,
        (
            None,
            Code::Unauthenticated
            | Code::PermissionDenied
            | Code::NotFound
            | Code::InvalidArgument
            | Code::FailedPrecondition
            | Code::Unimplemented,
        ) => ErrorKind::Misconfigured,
        (None, _) => ErrorKind::Transient,
    };
    let code = if trailer.is_empty() { format!("gRPC {:?}", status.code()) } else { presentable(trailer) };
    let (said, rpc_id) = without_rpc_id(status.message());
    if let Some(rpc_id) = rpc_id {
        tracing::info!(%code, rpc.id = %presentable(rpc_id), message = %presentable(status.message()), "the event bus refused a call");
    }
    let message = match std::error::Error::source(status) {
        Some(source) => format!("{said}: {}", with_sources(source)),
        None => said,
    };
    let advice = fault_words::advice(trailer, &message);
    ConnectorError { advice, ..ConnectorError::new(kind, code, presentable(&message)) }
}

/// The words without the number under which Salesforce's own log has the call, and that number: it is of use to Salesforce's
/// support, and noise to an administrator.
fn without_rpc_id(message: &str) -> (String, Option<&str>) {
    let Some((before, behind)) = message.split_once("rpcId:") else { return (message.to_owned(), None) };
    let behind = behind.trim_start();
    let (id, behind) = behind.split_at(behind.find(char::is_whitespace).unwrap_or(behind.len()));
    let words = format!("{} {}", before.trim_end_matches([' ', ',', ';', '-']), behind.trim());
    (words.trim().to_owned(), Some(id))
}

pub(crate) fn with_sources(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(source) = next {
        let words = source.to_string();
        if !text.ends_with(&words) {
            text = format!("{text}: {words}");
        }
        next = source.source();
    }
    text
}

/// The text outside of `<…>`.
fn without_markup(text: &str) -> String {
    let mut is_markup = false;
    let keep = |c: char| {
        let was_markup = is_markup;
        is_markup = c == '<' || (is_markup && c != '>');
        if is_markup || was_markup { ' ' } else { c }
    };
    text.chars().map(keep).collect()
}

/// Text of the other side, made fit for people: one line, capped, without what looks like a token.
pub(crate) fn presentable(text: &str) -> String {
    let is_token = |word: &str| (word.contains("00D") && word.contains('!')) || word.contains("5Aep");
    let mut line = String::new();
    for word in text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()) {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(if is_token(word) { "[removed]" } else { word });
    }
    match line.char_indices().nth(MAX_MESSAGE_CHARS) {
        Some((end, _)) => format!("{}…", &line[..end]),
        None => line,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(status: u16, content_type: &str, body: &str) -> Answer {
        Answer { content_type: content_type.to_owned(), ..Answer::part(status, body.as_bytes().to_vec()) }
    }

    fn rest(status: u16, code: &str, message: &str) -> Answer {
        answer(
            status,
            "application/json;charset=UTF-8",
            &format!(r#"[{{"message":"{message}","errorCode":"{code}"}}]"#),
        )
    }

    fn row(code: &str, fields: &[&str]) -> ConnectorError {
        let body = serde_json::json!([{ "statusCode": code, "message": "no", "fields": fields }]);
        from_row(serde_json::from_value(body).unwrap())
    }

    #[test]
    fn every_code_of_the_table_is_found_in_each_dialect_and_stands_there_once() {
        for (index, (code, call, of_row)) in CODES.iter().enumerate() {
            assert!(CODES[..index].iter().all(|(earlier, ..)| earlier != code), "{code} stands twice");
            if *code == "REQUEST_LIMIT_EXCEEDED" {
                continue;
            }
            if code.contains('.') {
                let mut status = tonic::Status::new(tonic::Code::Unknown, "no");
                status.metadata_mut().insert("error-code", format!("{GRPC}{code}").parse().unwrap());
                assert_eq!(from_grpc(&status).kind, *call, "{code}");
                continue;
            }
            assert_eq!(from_answer(&rest(400, code, "no"), Effect::Reads).kind, *call, "{code}");
            assert_eq!(row(code, &[]).kind, *of_row, "{code}");
            let oauth = answer(400, "application/json", &format!(r#"{{"error":"{code}","error_description":"no"}}"#));
            assert_eq!(from_answer(&oauth, Effect::Reads).kind, *call, "{code}");
        }
    }

    #[test]
    fn a_request_limit_is_told_apart_by_its_message() {
        let day = rest(403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded.");
        let burst = rest(403, "REQUEST_LIMIT_EXCEEDED", "ConcurrentRequests (Concurrent API Requests) Limit exceeded.");
        assert_eq!(from_answer(&day, Effect::Reads).kind, ErrorKind::QuotaExhausted);
        assert_eq!(from_answer(&burst, Effect::Reads).kind, ErrorKind::RateLimited);
    }

    #[test]
    fn an_unknown_code_is_judged_by_where_it_stands() {
        assert_eq!(row("SOMETHING_NEW", &["Email"]).kind, ErrorKind::RecordRejected);
        assert_eq!(row("SOMETHING_NEW", &["Email"]).fields, ["Email"]);
        assert_eq!(from_answer(&rest(503, "SOMETHING_NEW", ""), Effect::Writes).kind, ErrorKind::Transient);
        assert_eq!(from_answer(&rest(400, "SOMETHING_NEW", ""), Effect::Reads).kind, ErrorKind::Misconfigured);
    }

    #[test]
    fn a_bad_lookup_is_the_fields_fault_and_a_bad_id_means_that_the_record_is_gone() {
        assert_eq!(row("INVALID_CROSS_REFERENCE_KEY", &["AccountId"]).kind, ErrorKind::FieldRejected);
        assert_eq!(row("INVALID_CROSS_REFERENCE_KEY", &["Id"]).kind, ErrorKind::RecordGone);
        assert_eq!(row("INVALID_CROSS_REFERENCE_KEY", &[]).kind, ErrorKind::RecordGone);
    }

    #[test]
    fn a_row_of_a_bulk_job_is_judged_as_any_other() {
        let error = from_bulk_row("FIELD_INTEGRITY_EXCEPTION:no: not so:Title Phone --");
        assert_eq!((error.kind, error.message.as_str()), (ErrorKind::FieldRejected, "no: not so"));
        assert_eq!(error.fields, ["Title", "Phone"]);
        let error = from_bulk_row("UNABLE_TO_LOCK_ROW:unable to obtain exclusive access to this record:--");
        assert_eq!((error.kind, error.fields.len()), (ErrorKind::Transient, 0));
        assert_eq!(from_bulk_row("").kind, ErrorKind::RecordRejected);
        assert_eq!(from_bulk_row("ENTITY_IS_DELETED").message, "ENTITY_IS_DELETED");
    }

    #[test]
    fn a_page_of_html_becomes_a_short_line_without_markup() {
        let page =
            format!("<html><script>alert(1)</script><h1>Service\r\n Unavailable</h1>{}</html>", "x ".repeat(9999));
        let error = from_answer(&answer(503, "text/html;charset=UTF-8", &page), Effect::Writes);
        assert_eq!((error.kind, error.code.as_str()), (ErrorKind::Transient, "HTTP 503"));
        assert!(error.message.starts_with("the answer is `text/html` instead of JSON: alert(1) Service Unavailable x"));
        assert!(error.message.chars().count() < 600 && !error.message.contains(['<', '\n', '\r']));
    }

    #[test]
    fn a_cut_off_answer_shows_no_values_and_leaves_a_write_in_doubt() {
        let cut = answer(200, "application/json;charset=UTF-8", r#"[{"id":"003000000000001AAA","Email":"ann@ex"#);
        for (effect, kind) in [(Effect::Reads, ErrorKind::Transient), (Effect::Writes, ErrorKind::UnknownOutcome)] {
            let error = unreadable(&cut, effect);
            assert_eq!(error.kind, kind);
            assert!(!error.message.contains("ann@ex"), "{}", error.message);
        }
        assert_eq!(from_answer(&answer(504, "", ""), Effect::Writes).kind, ErrorKind::UnknownOutcome);
        assert_eq!(from_answer(&answer(504, "", ""), Effect::Reads).kind, ErrorKind::Transient);
    }

    #[test]
    fn the_number_of_a_grpc_call_is_no_part_of_the_words() {
        for (said, told) in [
            ("The replay ID is invalid. rpcId: 45dd8a42-0e1f-4c2e", "The replay ID is invalid."),
            ("No events, rpcId:45dd8a42 for /data/ChangeEvents", "No events for /data/ChangeEvents"),
            ("rpcId: 45dd8a42", ""),
            ("no", "no"),
        ] {
            assert_eq!(from_grpc(&tonic::Status::invalid_argument(said)).message, told);
        }
    }

    #[test]
    fn tokens_are_removed_from_messages() {
        let text = "session 00D000000000001!AQ.secret is over, refresh_token=5AepSecret too";
        assert_eq!(presentable(text), "session [removed] is over, [removed] too");
    }
}
