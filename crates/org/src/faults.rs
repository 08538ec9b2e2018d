//! Misbehaviour that can be switched on while the org runs: which requests it meets, and what happens to them then.
//!
//! Rules are matched and drawn here; what they do is done where the request is. The draws follow from a seed, so that a run can
//! be repeated.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use serde::{Deserialize, Serialize};

use crate::core::WriteError;
use crate::pubsub::EventFaults;

/// What is on.
#[derive(Clone, Debug, Default, Deserialize, PartialEq, Serialize)]
#[serde(default, deny_unknown_fields)]
pub struct Faults {
    /// Every answer of the org comes this much later than it could, in milliseconds: REST answers after the commit took effect,
    /// and each Pub/Sub delivery. It delays, it does not limit how many there are.
    pub response_delay_ms: u64,
    /// How far the org's clock is ahead of the machine's, in milliseconds; negative if it is behind.
    pub clock_skew_ms: i64,
    /// How the event bus misbehaves.
    pub events: EventFaults,
    /// What the draws of the rules follow from.
    pub seed: u64,
    /// What happens to some requests.
    pub rules: Vec<FaultRule>,
}

/// A fault, and the requests that it meets.
#[derive(Clone, Debug, Deserialize, PartialEq, Serialize)]
#[serde(deny_unknown_fields)]
pub struct FaultRule {
    /// HTTP method, or `RPC`; any if it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub method: Option<String>,
    /// Path template as the ledger has it, such as `/composite/sobjects` or `/services/oauth2/token`; any if it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// API name of an object that the request is about: named in its path, its query or its body; any if it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub object: Option<String>,
    /// So many requests that it would meet pass first.
    #[serde(default)]
    pub skip: u64,
    /// It meets so many requests (rows, for `row_error`) and no more; as many as come if it is not said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// How likely it meets one, from 0 to 1; always if it is not said.
    #[serde(default = "certain")]
    pub probability: f64,
    /// What happens.
    pub fault: Fault,
}

fn certain() -> f64 {
    1.0
}

/// What happens to a request.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Fault {
    /// It takes longer.
    Delay {
        /// By so much.
        ms: u64,
        /// Whether the time passes after it took effect instead of before.
        #[serde(default)]
        after_commit: bool,
    },
    /// The connection is cut before it takes effect.
    CutConnection,
    /// It takes effect, and the connection is cut instead of an answer.
    LoseAnswer,
    /// The answer breaks off in its middle.
    TruncateBody,
    /// It is answered with an error.
    Answer {
        /// HTTP status.
        status: u16,
        /// Salesforce's code; without one the answer is a page in HTML, as gateways make it.
        #[serde(default)]
        error_code: Option<String>,
        /// Salesforce's words; those that go with the code if nothing is said.
        #[serde(default)]
        message: Option<String>,
        /// Whether it takes effect all the same.
        #[serde(default)]
        after_commit: bool,
    },
    /// A row that it writes is refused; the others are written.
    RowError {
        /// Salesforce's code.
        status_code: RowCode,
        /// Salesforce's words; those that go with the code if nothing is said.
        #[serde(default)]
        message: Option<String>,
    },
    /// The session ends before the request is looked at.
    ExpireSession,
    /// The grant that the session came from is revoked, with all its tokens, before the request is looked at.
    RevokeGrant,
}

/// What a row may be refused for by a fault.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "the names are Salesforce's own and say all")]
pub enum RowCode {
    CannotExecuteFlowTrigger,
    CannotInsertUpdateActivateEntity,
    CannotUpdateConvertedLead,
    DuplicatesDetected,
    DuplicateValue,
    EntityIsDeleted,
    EntityIsLocked,
    FieldCustomValidationException,
    FieldFilterValidationException,
    FieldIntegrityException,
    InactiveOwnerOrUser,
    InsufficientAccess,
    InsufficientAccessOnCrossReferenceEntity,
    InsufficientAccessOrReadonly,
    InvalidCrossReferenceKey,
    InvalidEmailAddress,
    InvalidField,
    InvalidFieldForInsertUpdate,
    InvalidOrNullForRestrictedPicklist,
    LimitExceeded,
    MalformedId,
    NumberOutsideValidRange,
    RequiredFieldMissing,
    ServerUnavailable,
    StorageLimitExceeded,
    StringTooLong,
    TransferRequiresRead,
    UnableToLockRow,
    UnknownException,
}

impl RowCode {
    /// All of them.
    pub const ALL: &[RowCode] = &[
        RowCode::CannotExecuteFlowTrigger,
        RowCode::CannotInsertUpdateActivateEntity,
        RowCode::CannotUpdateConvertedLead,
        RowCode::DuplicatesDetected,
        RowCode::DuplicateValue,
        RowCode::EntityIsDeleted,
        RowCode::EntityIsLocked,
        RowCode::FieldCustomValidationException,
        RowCode::FieldFilterValidationException,
        RowCode::FieldIntegrityException,
        RowCode::InactiveOwnerOrUser,
        RowCode::InsufficientAccess,
        RowCode::InsufficientAccessOnCrossReferenceEntity,
        RowCode::InsufficientAccessOrReadonly,
        RowCode::InvalidCrossReferenceKey,
        RowCode::InvalidEmailAddress,
        RowCode::InvalidField,
        RowCode::InvalidFieldForInsertUpdate,
        RowCode::InvalidOrNullForRestrictedPicklist,
        RowCode::LimitExceeded,
        RowCode::MalformedId,
        RowCode::NumberOutsideValidRange,
        RowCode::RequiredFieldMissing,
        RowCode::ServerUnavailable,
        RowCode::StorageLimitExceeded,
        RowCode::StringTooLong,
        RowCode::TransferRequiresRead,
        RowCode::UnableToLockRow,
        RowCode::UnknownException,
    ];

    /// The code on the wire.
    pub fn as_str(self) -> &'static str {
        match self {
            RowCode::CannotExecuteFlowTrigger => "CANNOT_EXECUTE_FLOW_TRIGGER",
            RowCode::CannotInsertUpdateActivateEntity => "CANNOT_INSERT_UPDATE_ACTIVATE_ENTITY",
            RowCode::CannotUpdateConvertedLead => "CANNOT_UPDATE_CONVERTED_LEAD",
            RowCode::DuplicatesDetected => "DUPLICATES_DETECTED",
            RowCode::DuplicateValue => "DUPLICATE_VALUE",
            RowCode::EntityIsDeleted => "ENTITY_IS_DELETED",
            RowCode::EntityIsLocked => "ENTITY_IS_LOCKED",
            RowCode::FieldCustomValidationException => "FIELD_CUSTOM_VALIDATION_EXCEPTION",
            RowCode::FieldFilterValidationException => "FIELD_FILTER_VALIDATION_EXCEPTION",
            RowCode::FieldIntegrityException => "FIELD_INTEGRITY_EXCEPTION",
            RowCode::InactiveOwnerOrUser => "INACTIVE_OWNER_OR_USER",
            RowCode::InsufficientAccess => "INSUFFICIENT_ACCESS",
            RowCode::InsufficientAccessOnCrossReferenceEntity => "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
            RowCode::InsufficientAccessOrReadonly => "INSUFFICIENT_ACCESS_OR_READONLY",
            RowCode::InvalidCrossReferenceKey => "INVALID_CROSS_REFERENCE_KEY",
            RowCode::InvalidEmailAddress => "INVALID_EMAIL_ADDRESS",
            RowCode::InvalidField => "INVALID_FIELD",
            RowCode::InvalidFieldForInsertUpdate => "INVALID_FIELD_FOR_INSERT_UPDATE",
            RowCode::InvalidOrNullForRestrictedPicklist => "INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST",
            RowCode::LimitExceeded => "LIMIT_EXCEEDED",
            RowCode::MalformedId => "MALFORMED_ID",
            RowCode::NumberOutsideValidRange => "NUMBER_OUTSIDE_VALID_RANGE",
            RowCode::RequiredFieldMissing => "REQUIRED_FIELD_MISSING",
            RowCode::ServerUnavailable => "SERVER_UNAVAILABLE",
            RowCode::StorageLimitExceeded => "STORAGE_LIMIT_EXCEEDED",
            RowCode::StringTooLong => "STRING_TOO_LONG",
            RowCode::TransferRequiresRead => "TRANSFER_REQUIRES_READ",
            RowCode::UnableToLockRow => "UNABLE_TO_LOCK_ROW",
            RowCode::UnknownException => "UNKNOWN_EXCEPTION",
        }
    }
}

/// What a rule looks at in a request.
#[derive(Clone, Copy)]
pub(crate) struct Seen<'r> {
    pub(crate) method: &'r str,
    pub(crate) path: &'r str,
    /// Whether the request is about an object.
    pub(crate) is_about: &'r dyn Fn(&str) -> bool,
}

/// The rules that are on, and how often each may strike still.
#[derive(Debug)]
pub(crate) struct RuleBook {
    rules: Vec<FaultRule>,
    draws: StdRng,
}

impl RuleBook {
    pub(crate) fn new(faults: &Faults) -> RuleBook {
        RuleBook { rules: faults.rules.clone(), draws: StdRng::seed_from_u64(faults.seed) }
    }

    /// The rules with what is left of them.
    pub(crate) fn rules(&self) -> &[FaultRule] {
        &self.rules
    }

    pub(crate) fn push(&mut self, rule: FaultRule) {
        self.rules.push(rule);
    }

    /// Whether any rule would look at what requests are about.
    pub(crate) fn asks_for_objects(&self) -> bool {
        self.rules.iter().any(|rule| rule.object.is_some())
    }

    /// What happens to this request as a whole.
    pub(crate) fn strike(&mut self, seen: Seen<'_>) -> Vec<Fault> {
        self.draw(seen, |fault| !matches!(fault, Fault::RowError { .. }))
    }

    /// What one row that the request writes is refused for.
    pub(crate) fn strike_row(&mut self, seen: Seen<'_>) -> Option<WriteError> {
        self.draw(seen, |fault| matches!(fault, Fault::RowError { .. })).into_iter().find_map(|fault| match fault {
            Fault::RowError { status_code, message } => {
                let code = status_code.as_str();
                Some(WriteError::new(code, message.unwrap_or_else(|| words_of(code).to_owned())))
            }
            _ => None,
        })
    }

    fn draw(&mut self, seen: Seen<'_>, is_meant: impl Fn(&Fault) -> bool) -> Vec<Fault> {
        let mut struck = Vec::new();
        for rule in &mut self.rules {
            if !is_meant(&rule.fault) || rule.times == Some(0) || !rule.is_about(seen) {
                continue;
            }
            if rule.skip > 0 {
                rule.skip -= 1;
                continue;
            }
            if rule.probability < 1.0 && self.draws.random::<f64>() >= rule.probability {
                continue;
            }
            rule.times = rule.times.map(|times| times - 1);
            struck.push(rule.fault.clone());
        }
        struck
    }
}

impl FaultRule {
    fn is_about(&self, seen: Seen<'_>) -> bool {
        self.method.as_ref().is_none_or(|method| method.eq_ignore_ascii_case(seen.method))
            && self.path.as_ref().is_none_or(|path| path.eq_ignore_ascii_case(seen.path))
            && self.object.as_ref().is_none_or(|object| (seen.is_about)(object))
    }
}

/// The words that Salesforce says with a code.
pub(crate) fn words_of(code: &str) -> &'static str {
    match code {
        "UNABLE_TO_LOCK_ROW" => "unable to obtain exclusive access to this record",
        "REQUEST_LIMIT_EXCEEDED" => "TotalRequests Limit exceeded.",
        "QUERY_TIMEOUT" => "Your query request was running for too long.",
        "SERVER_UNAVAILABLE" => "Server unavailable, please try again later",
        "INVALID_SESSION_ID" => "Session expired or invalid",
        "API_CURRENTLY_DISABLED" => "API is currently disabled for your user",
        "API_DISABLED_FOR_ORG" => "API is not enabled for this Organization or Partner",
        "invalid_grant" => "expired access/refresh token",
        _ => {
            "An unexpected error occurred. Please include this ErrorId if you contact support: 1234567890-12345 (-1234567890)"
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn book(rule: serde_json::Value) -> RuleBook {
        let faults = json!({ "seed": 7, "rules": [rule] });
        RuleBook::new(&serde_json::from_value(faults).unwrap())
    }

    fn strikes(book: &mut RuleBook, method: &str, path: &str, object: &str, count: usize) -> Vec<bool> {
        let is_about = |asked: &str| asked == object;
        (0..count).map(|_| !book.strike(Seen { method, path, is_about: &is_about }).is_empty()).collect()
    }

    #[test]
    fn a_rule_meets_the_next_so_many_requests_it_names() {
        let rule = json!({ "method": "patch", "path": "/composite/sobjects", "object": "Contact", "skip": 1, "times": 2, "fault": "lose_answer" });
        let mut book = book(rule);
        assert_eq!(strikes(&mut book, "GET", "/composite/sobjects", "Contact", 2), [false; 2]);
        assert_eq!(strikes(&mut book, "PATCH", "/composite/tree/{object}", "Contact", 2), [false; 2]);
        assert_eq!(strikes(&mut book, "PATCH", "/composite/sobjects", "Lead", 2), [false; 2]);
        assert_eq!(strikes(&mut book, "PATCH", "/composite/sobjects", "Contact", 4), [false, true, true, false]);
    }

    #[test]
    fn draws_follow_from_the_seed() {
        let rule = json!({ "probability": 0.3, "fault": { "answer": { "status": 503 } } });
        let first = strikes(&mut book(rule.clone()), "GET", "/", "", 1000);
        assert_eq!(first, strikes(&mut book(rule), "GET", "/", "", 1000));
        let hits = first.iter().filter(|hit| **hit).count();
        assert!((200..400).contains(&hits), "{hits}");
    }

    #[test]
    fn rows_and_requests_are_met_by_their_own_faults() {
        let mut book = book(json!({ "fault": { "row_error": { "status_code": "UNABLE_TO_LOCK_ROW" } } }));
        let seen = Seen { method: "PATCH", path: "/composite/sobjects", is_about: &|_| false };
        assert_eq!(book.strike(seen), []);
        assert!(book.strike_row(seen).is_some());
    }
}
