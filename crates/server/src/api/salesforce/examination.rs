//! The doctor: what the last examination of the connection found, and asking for another one.

use axum::{extract::State, http::StatusCode};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use syncline_model::{examination, id::ConnectionId};
use utoipa::ToSchema;

use super::super::{
    Api, EnvironmentPath,
    error::{ApiError, ErrorBody},
    extract::InEnvironment,
};

/// What the last examination found.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Examination {
    /// When it ended; nothing where there was none yet.
    #[schema(value_type = Option<String>, format = DateTime, required = true)]
    at: Option<Timestamp>,
    /// Whether another one was asked for and has not ended.
    requested: bool,
    /// One for each check, in the order in which they matter.
    findings: Vec<Finding>,
}

/// What one check found.
#[derive(Debug, Serialize, ToSchema)]
pub(in crate::api) struct Finding {
    /// Which check; a stable word such as `api_limits`.
    check: String,
    /// What it is about, such as an object or a field by API name; nothing where it is the org as a whole.
    #[schema(required = true)]
    subject: Option<String>,
    verdict: Verdict,
    /// What was found, in plain words.
    message: String,
    /// What to do about it; nothing where nothing has to be done.
    #[schema(required = true)]
    remedy: Option<String>,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(in crate::api) enum Verdict {
    /// As it should be.
    Good,
    /// It works, but not as well as it could, or not for long.
    Warning,
    /// Something will not sync.
    Problem,
    /// It could not be found out.
    Unknown,
}

impl From<examination::Verdict> for Verdict {
    fn from(verdict: examination::Verdict) -> Self {
        match verdict {
            examination::Verdict::Good => Self::Good,
            examination::Verdict::Warning => Self::Warning,
            examination::Verdict::Problem => Self::Problem,
            examination::Verdict::Unknown => Self::Unknown,
        }
    }
}

impl From<examination::Finding> for Finding {
    fn from(finding: examination::Finding) -> Self {
        Self {
            check: finding.check,
            subject: finding.subject,
            verdict: finding.verdict.into(),
            message: finding.message,
            remedy: finding.remedy,
        }
    }
}

/// The examination as the screens show it.
pub(super) async fn describe(api: &Api, connection: ConnectionId) -> Result<Examination, ApiError> {
    let requested = api.store.examination_requests(connection).await? > 0;
    let last = api.store.examination(connection).await?;
    let at = last.as_ref().map(|examination| examination.at);
    let findings = last.map(|examination| examination.findings).unwrap_or_default();
    Ok(Examination { at, requested, findings: findings.into_iter().map(Into::into).collect() })
}

/// Have the connection examined. Whoever works on it does so at once; the connection then says what was found.
#[utoipa::path(
    post, path = "/environments/{env}/salesforce/examination", tag = "salesforce", operation_id = "examineConnection",
    params(EnvironmentPath),
    responses(
        (status = 202, body = Examination), (status = 404, body = ErrorBody),
        (status = 409, body = ErrorBody, description = "Nobody works on it: it is not connected, or paused"),
    ),
)]
pub(in crate::api) async fn request(
    State(api): State<Api>,
    environment: InEnvironment,
) -> Result<(StatusCode, axum::Json<Examination>), ApiError> {
    let connection = super::worked_on(&api, environment.id).await?;
    api.store.request_examination(connection.id).await?;
    Ok((StatusCode::ACCEPTED, axum::Json(describe(&api, connection.id).await?)))
}
