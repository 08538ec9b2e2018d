//! The shapes of answers: REST errors are an array, OAuth errors an object, rows of a collection carry `statusCode`.

use std::borrow::Cow;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};

use crate::core::WriteError;
use crate::core::oauth::OAuthError;
use crate::faults::words_of;
use crate::soql::SoqlError;

/// Salesforce's code of a refusal, for the ledger.
#[derive(Clone, Debug)]
pub(crate) struct ErrorCode(pub(crate) Cow<'static, str>);

/// A refused REST request.
#[derive(Clone, Debug)]
pub(crate) struct RestError {
    status: StatusCode,
    code: &'static str,
    message: String,
    /// Only errors about a record name fields, even if none.
    fields: Option<Vec<String>>,
}

impl RestError {
    pub(crate) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> RestError {
        RestError { status, code, message: message.into(), fields: None }
    }

    pub(crate) fn bad_request(code: &'static str, message: impl Into<String>) -> RestError {
        RestError::new(StatusCode::BAD_REQUEST, code, message)
    }

    /// Salesforce's code and words.
    pub(crate) fn told(&self) -> (&'static str, &str) {
        (self.code, &self.message)
    }

    pub(crate) fn not_found() -> RestError {
        RestError::new(StatusCode::NOT_FOUND, "NOT_FOUND", "The requested resource does not exist")
    }

    /// A code that goes with 403, in Salesforce's words.
    pub(crate) fn forbidden(code: &'static str) -> RestError {
        RestError::new(StatusCode::FORBIDDEN, code, words_of(code))
    }

    pub(crate) fn invalid_session() -> RestError {
        RestError::new(StatusCode::UNAUTHORIZED, "INVALID_SESSION_ID", "Session expired or invalid")
    }

    pub(crate) fn method_not_allowed(method: &str, allowed: &str) -> RestError {
        let message = format!("HTTP Method '{method}' not allowed. Allowed are {allowed}");
        RestError::new(StatusCode::METHOD_NOT_ALLOWED, "METHOD_NOT_ALLOWED", message)
    }

    pub(crate) fn unreadable_json(error: &serde_json::Error) -> RestError {
        let message =
            format!("Unexpected character or end of input at [line:{}, column:{}]", error.line(), error.column());
        RestError::bad_request("JSON_PARSER_ERROR", message)
    }
}

impl From<WriteError> for RestError {
    fn from(error: WriteError) -> RestError {
        let status = match error.code {
            "NOT_FOUND" | "ENTITY_IS_DELETED" => StatusCode::NOT_FOUND,
            "INSUFFICIENT_ACCESS_OR_READONLY" => StatusCode::FORBIDDEN,
            _ => StatusCode::BAD_REQUEST,
        };
        RestError { status, code: error.code, message: error.message, fields: Some(error.fields) }
    }
}

impl From<SoqlError> for RestError {
    fn from(error: SoqlError) -> RestError {
        RestError::bad_request(error.code, error.message)
    }
}

impl IntoResponse for RestError {
    fn into_response(self) -> Response {
        let mut error = json!({ "message": self.message, "errorCode": self.code });
        if let Some(fields) = self.fields {
            error["fields"] = json!(fields);
        }
        let mut response = json_answer(self.status, &Value::Array(vec![error]));
        response.extensions_mut().insert(ErrorCode(self.code.into()));
        if self.status == StatusCode::UNAUTHORIZED {
            response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Token"));
        }
        response
    }
}

/// JSON in Salesforce's spelling of the content type.
pub(crate) fn json_answer(status: StatusCode, body: &Value) -> Response {
    json_text(status, body.to_string())
}

/// The same of JSON that is text already.
pub(crate) fn json_text(status: StatusCode, body: String) -> Response {
    let mut response = (status, body).into_response();
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json;charset=UTF-8"));
    response
}

pub(crate) fn ok(body: &Value) -> Response {
    json_answer(StatusCode::OK, body)
}

pub(crate) fn no_content() -> Response {
    StatusCode::NO_CONTENT.into_response()
}

impl IntoResponse for OAuthError {
    fn into_response(self) -> Response {
        let body = json!({ "error": self.error, "error_description": self.description });
        let mut response = json_answer(StatusCode::BAD_REQUEST, &body);
        response.extensions_mut().insert(ErrorCode(self.error.into()));
        response
    }
}
