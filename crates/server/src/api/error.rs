//! How a management request fails: a status and `{"error": {code, message, field}}`.

use axum::{
    Json,
    extract::rejection::{JsonRejection, PathRejection, QueryRejection},
    http::StatusCode,
    response::{IntoResponse, Response},
};
use serde::Serialize;
use syncline_model::store::StoreError;
use utoipa::ToSchema;

use crate::{inquire::InquiryError, org_objects::NotKnown, stopping::Idle};

/// Body of every failed request.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ErrorBody {
    /// What went wrong.
    pub error: ErrorDetail,
}

/// What went wrong.
#[derive(Clone, Debug, Serialize, ToSchema)]
pub struct ErrorDetail {
    /// Stable word for programs, such as `invalid_params`.
    pub code: String,
    /// What is wrong and what is allowed, for people.
    pub message: String,
    /// Path of the body or query field that is wrong, such as `match.salesforce`.
    #[schema(required = true)]
    pub field: Option<String>,
}

/// A failed management request.
#[derive(Clone, Debug)]
pub struct ApiError {
    status: StatusCode,
    detail: ErrorDetail,
}

impl ApiError {
    fn new(status: StatusCode, code: &str, message: impl Into<String>) -> Self {
        Self { status, detail: ErrorDetail { code: code.to_owned(), message: message.into(), field: None } }
    }

    /// 400: the request is wrong.
    pub fn invalid(field: impl Into<String>, message: impl Into<String>) -> Self {
        let mut error = Self::new(StatusCode::BAD_REQUEST, "invalid_params", message);
        error.detail.field = Some(field.into());
        error
    }

    /// 400: the request is no JSON, or not of the right shape; the field is the one that serde's message names first.
    fn malformed(status: StatusCode, message: String) -> Self {
        let named = ["missing field `", "unknown field `"].iter().find_map(|lead| {
            let (_, rest) = message.split_once(lead)?;
            rest.split_once('`').map(|(field, _)| field.to_owned())
        });
        // axum puts the path of what is of the wrong type before serde's message.
        let of_type = || {
            let leads =
                ["Failed to deserialize the JSON body into the target type: ", "Failed to deserialize query string: "];
            let (path, _) = leads.iter().find_map(|lead| message.strip_prefix(lead))?.split_once(": ")?;
            (!path.contains(' ')).then(|| path.to_owned())
        };
        let named = named.or_else(of_type);
        let mut error = Self::new(status, "invalid_params", message);
        error.detail.field = named;
        error
    }

    /// 401: nobody is signed in.
    pub fn unauthenticated() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "unauthenticated", "Sign in first.")
    }

    /// 401: no such member, or not that password.
    pub fn invalid_credentials() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "invalid_credentials", "E-mail address or password is wrong.")
    }

    /// 403: a page of another site sent the request.
    pub fn cross_origin() -> Self {
        Self::new(StatusCode::FORBIDDEN, "cross_origin", "Requests that change something must come from this site.")
    }

    /// 404.
    pub fn not_found(what: &str) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not_found", format!("{what} does not exist."))
    }

    /// 409: the state does not allow it.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, "conflict", message)
    }

    /// 429: too many failed attempts.
    pub fn too_many() -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            "too_many_attempts",
            "Too many failed attempts from this address. Try again in a few minutes.",
        )
    }

    /// 500: a defect; the cause is logged here, where it is handled, and not told.
    pub fn defect(cause: impl std::fmt::Display) -> Self {
        tracing::error!(%cause, "a management request failed");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "Something went wrong on the server; its log says what.",
        )
    }

    /// What it says.
    pub fn message(&self) -> &str {
        &self.detail.message
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        (self.status, Json(ErrorBody { error: self.detail })).into_response()
    }
}

impl From<NotKnown> for ApiError {
    fn from(error: NotKnown) -> Self {
        match error {
            NotKnown::Store(error) => error.into(),
            other => Self::conflict(other.to_string()),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound(what) => Self::not_found(&capitalised(what)),
            StoreError::Conflict(message) => Self::conflict(message),
            StoreError::Misfit { attribute, reason } => Self::invalid(attribute, reason),
            StoreError::LeaseLost => Self::conflict("The connection was changed meanwhile; load the page again."),
            StoreError::Unavailable(source) => {
                tracing::warn!(%source, "the database is not available");
                Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "The database is not available right now.")
            }
            StoreError::Broken(source) => Self::defect(source),
        }
    }
}

fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map(|first| first.to_uppercase().chain(letters).collect()).unwrap_or_default()
}

impl From<InquiryError> for ApiError {
    fn from(error: InquiryError) -> Self {
        match error {
            InquiryError::Refused(words) => Self::conflict(words),
            InquiryError::Store(error) => error.into(),
        }
    }
}

impl From<Idle> for ApiError {
    fn from(idle: Idle) -> Self {
        Self::conflict(idle.to_string())
    }
}

impl From<JsonRejection> for ApiError {
    fn from(rejection: JsonRejection) -> Self {
        Self::malformed(rejection.status(), rejection.body_text())
    }
}

impl From<QueryRejection> for ApiError {
    fn from(rejection: QueryRejection) -> Self {
        Self::malformed(rejection.status(), rejection.body_text())
    }
}

impl From<PathRejection> for ApiError {
    fn from(rejection: PathRejection) -> Self {
        Self::malformed(rejection.status(), rejection.body_text())
    }
}
