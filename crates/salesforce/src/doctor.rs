//! The doctor: looks for what will keep objects from being synced, or will soon, and says what to do about it. It changes nothing, and
//! knows nothing of what the objects are synced with.
//!
//! A check that could not be made is a finding too: it never keeps the others from being made.

mod objects;
mod org;

use syncline_model::{
    connector::{ConnectorError, ErrorKind, ExaminedObject},
    examination::{Finding, Verdict},
};

use crate::rest::Rest;

/// Makes all checks.
///
/// # Errors
/// Only where the org can not be asked at all: no session, no line, no calls left.
pub(crate) async fn examine(
    rest: &Rest,
    user_id: &str,
    objects: &[ExaminedObject],
) -> Result<Vec<Finding>, ConnectorError> {
    let mut report = Report::default();
    org::check(rest, user_id, objects, &mut report).await?;
    for object in objects {
        objects::check(rest, object, &mut report).await?;
    }
    Ok(report.findings)
}

/// What was found so far.
#[derive(Default)]
struct Report {
    findings: Vec<Finding>,
}

impl Report {
    fn good(&mut self, check: &str, subject: Option<&str>, message: impl Into<String>) {
        self.add(check, subject, Verdict::Good, message.into(), None);
    }

    fn warning(&mut self, check: &str, subject: Option<&str>, message: impl Into<String>, remedy: impl Into<String>) {
        self.add(check, subject, Verdict::Warning, message.into(), Some(remedy.into()));
    }

    fn problem(&mut self, check: &str, subject: Option<&str>, message: impl Into<String>, remedy: impl Into<String>) {
        self.add(check, subject, Verdict::Problem, message.into(), Some(remedy.into()));
    }

    /// Takes the answer to a question, or notes that the check could not be made.
    ///
    /// # Errors
    /// Where no other question would be answered either.
    fn answered<T>(
        &mut self,
        check: &str,
        subject: Option<&str>,
        answer: Result<T, ConnectorError>,
    ) -> Result<Option<T>, ConnectorError> {
        match answer {
            Ok(answer) => Ok(Some(answer)),
            Err(error) if is_of_all_calls(&error) => Err(error),
            Err(error) => {
                let message = format!("This could not be found out: {error}");
                self.add(
                    check,
                    subject,
                    Verdict::Unknown,
                    message,
                    error.advice.map(|advice| advice.remedy.to_owned()),
                );
                Ok(None)
            }
        }
    }

    fn add(&mut self, check: &str, subject: Option<&str>, verdict: Verdict, message: String, remedy: Option<String>) {
        let subject = subject.map(str::to_owned);
        self.findings.push(Finding { check: check.to_owned(), subject, verdict, message, remedy });
    }
}

/// Whether the next question would meet the same.
fn is_of_all_calls(error: &ConnectorError) -> bool {
    use ErrorKind as K;
    match error.code.as_str() {
        "QUERY_TIMEOUT" => false,
        "API_DISABLED_FOR_ORG" | "INVALID_SESSION_ID" => true,
        _ => matches!(error.kind, K::Transient | K::RateLimited | K::QuotaExhausted | K::AuthRevoked),
    }
}

/// `1 record`, `2 records`.
fn counted(number: usize, one: &str, many: &str) -> String {
    if number == 1 { format!("1 {one}") } else { format!("{number} {many}") }
}
