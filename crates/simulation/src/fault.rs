//! The kinds of trouble that a run can play, each a row of the catalogue of failures, and how it is switched on at the org.
//!
//! Knows the org's switches and nothing of the product.

use serde_json::json;
use syncline_org::{Fault, FaultRule, pubsub::EventFaults};

/// Rules strike so often at most; what is left of it tells how often they did.
pub(crate) const STRIKES_MAX: u64 = 1_000_000;

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident: $row:literal,)*) => {
        /// A kind of trouble. Append only, and never reorder: seeds stand for ordinals.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub enum FaultKind {
            $($(#[$doc])* $name,)*
        }

        impl FaultKind {
            /// Every kind, in order.
            pub const ALL: &[FaultKind] = &[$(FaultKind::$name),*];

            /// The row of the catalogue.
            pub fn row(self) -> &'static str {
                match self {
                    $(FaultKind::$name => $row,)*
                }
            }
        }
    };
}

kinds! {
    /// The org forgets every event and every position.
    PositionForgotten: "P1",
    /// The org moves to another instance: positions mean something else.
    OrgMigrated: "P2",
    /// Streams end as if there were nothing more to come.
    StreamsEndClean: "P3",
    /// Streams break.
    StreamsBreak: "P3",
    /// The event bus answers nobody for a while.
    BusUnavailable: "P3",
    /// Every stream ends after a few events.
    StreamsAreShort: "P4",
    /// Events come twice.
    EventsTwice: "P16",
    /// Fields are added, and events are written with schemas from before.
    OldSchemas: "P11",
    /// Sessions end while the stream is open.
    SessionsExpire: "P8",
    /// The day's deliveries of events are used up.
    DeliveriesUsedUp: "P9",
    /// Changes are told without their values.
    Gaps: "P14",
    /// Changes of a large transaction are not told at all.
    Overflow: "P14",
    /// Every record of an object may have changed.
    Wildcard: "P13",
    /// The object is taken off the channels.
    MemberDeselected: "P15",
    /// Records are locked by others.
    RowLocks: "R1",
    /// The day's calls are used up.
    DailyLimit: "R2",
    /// Too many calls at a time.
    ConcurrentLimit: "R2",
    /// Too many long calls at a time.
    LongCallsLimit: "R2",
    /// The session is over at a call.
    SessionExpired: "R3",
    /// A good session is refused.
    SessionRefused: "R3",
    /// A page in HTML in place of an answer.
    HtmlPages: "R4",
    /// Answers break off in their middle.
    TruncatedAnswers: "R4",
    /// Codes that nobody has seen before.
    UnknownCodes: "R5",
    /// Rows are refused for passing reasons, the others of the call are written.
    RowsFailForAWhile: "R6",
    /// It takes effect, and the answer is lost.
    AnswersLost: "R7",
    /// Connections are cut before anything happens.
    ConnectionsCut: "R7",
    /// Queries run out of time.
    QueryTimeouts: "R8",
    /// Everything takes longer.
    Delays: "R15",
    /// A token is given and its answer is lost.
    TokenAnswersLost: "O2",
    /// The token endpoint does not answer while sessions end.
    TokenEndpointDown: "O1",
    /// What the user allowed is revoked.
    GrantRevoked: "O3",
    /// The API is switched off for the org.
    ApiDisabled: "O6",
    /// The org's clock is minutes away from ours.
    ClockSkew: "O8",
    /// A mapped field is hidden from the connected user, and shown again.
    FieldHidden: "M1",
    /// A mapped field may be read and not be written, for a while.
    FieldReadOnly: "M3",
    /// Values that a restricted picklist does not have.
    PicklistMisfits: "M4",
    /// A validation rule refuses some records.
    ValidationRule: "M5",
    /// A trigger changes what others wrote, in the same transaction.
    TriggerUppercases: "M6",
    /// A trigger undoes what we wrote.
    TriggerReverts: "M6",
    /// Contacts are merged.
    Merges: "M9",
    /// Records are deleted, and some come back.
    DeleteUndelete: "M11",
    /// The connected user may not change some records, for a while.
    RecordsHidden: "M12",
    /// A duplicate rule refuses some updates.
    DuplicateRule: "M14",
    /// Syncline's process dies and starts anew.
    EngineDies: "2.9",
    /// Records are deleted past the recycle bin, which no event tells.
    HardDeletes: "P15",
    /// What others write commits seconds after its stamps, as the transactions of long triggers and imports do.
    LateCommits: "R12",
}

impl FaultKind {
    /// Rules about requests that play it, each with the chance of a request to meet it.
    pub(crate) fn rules(self, chance: f64, dose: u64) -> Vec<FaultRule> {
        use FaultKind::*;
        let answer = |status: u16, code: Option<&str>, message: Option<&str>| Fault::Answer {
            status,
            error_code: code.map(str::to_owned),
            message: message.map(str::to_owned),
            after_commit: false,
        };
        let limit = |message: &str| answer(403, Some("REQUEST_LIMIT_EXCEEDED"), Some(message));
        let row = |code: &str| -> Fault {
            serde_json::from_value(json!({ "row_error": { "status_code": code } }))
                .expect("a code that rows may fail with")
        };
        let everywhere: &[&str] = &["/query", "/composite/sobjects", "/sobjects/{object}/describe"];
        let each = |fault: Fault, paths: &[&str]| -> Vec<FaultRule> {
            paths.iter().map(|path| rule(Some(path), chance, fault.clone())).collect()
        };
        match self {
            RowLocks => each(row("UNABLE_TO_LOCK_ROW"), &["/composite/sobjects"]),
            DailyLimit => each(limit("TotalRequests Limit exceeded."), everywhere),
            ConcurrentLimit => each(limit("ConcurrentRequests (Concurrent API Requests) Limit exceeded."), everywhere),
            LongCallsLimit => each(limit("ConcurrentPerOrgLongTxn Limit exceeded."), everywhere),
            SessionExpired => each(Fault::ExpireSession, everywhere),
            SessionRefused => each(answer(401, Some("INVALID_SESSION_ID"), None), everywhere),
            HtmlPages => {
                let status = [503, 500, 200][usize::try_from(dose % 3).unwrap_or(0)];
                each(answer(status, None, None), everywhere)
            }
            TruncatedAnswers => each(Fault::TruncateBody, everywhere),
            UnknownCodes => {
                let status = [500, 503, 400][usize::try_from(dose % 3).unwrap_or(0)];
                each(answer(status, Some(&format!("NEVER_HEARD_OF_{dose}")), None), &["/query", "/composite/sobjects"])
            }
            RowsFailForAWhile => {
                let code = ["SERVER_UNAVAILABLE", "UNKNOWN_EXCEPTION"][usize::try_from(dose % 2).unwrap_or(0)];
                each(row(code), &["/composite/sobjects"])
            }
            AnswersLost => vec![
                rule(Some("/composite/sobjects"), chance, Fault::LoseAnswer),
                rule(Some("/query"), chance / 2.0, Fault::LoseAnswer),
                FaultRule {
                    method: Some("POST".to_owned()),
                    ..rule(Some("/tooling/sobjects/{object}"), chance, Fault::LoseAnswer)
                },
            ],
            ConnectionsCut => each(Fault::CutConnection, everywhere),
            QueryTimeouts => each(answer(400, Some("QUERY_TIMEOUT"), None), &["/query"]),
            Delays => vec![
                rule(None, chance, Fault::Delay { ms: 5 * (dose % 20), after_commit: false }),
                rule(None, chance, Fault::Delay { ms: 5 * (dose % 20), after_commit: true }),
            ],
            TokenAnswersLost => vec![rule(Some("/services/oauth2/token"), chance, Fault::LoseAnswer)],
            TokenEndpointDown => vec![rule(Some("/services/oauth2/token"), 1.0, answer(503, None, None))],
            RecordsHidden => each(row("INSUFFICIENT_ACCESS_OR_READONLY"), &["/composite/sobjects"]),
            DuplicateRule => each(row("DUPLICATES_DETECTED"), &["/composite/sobjects"]),
            _ => Vec::new(),
        }
    }

    /// What it does to the event bus as long as it is on.
    pub(crate) fn trouble_events(self, events: &mut EventFaults, dose: u64) {
        match self {
            FaultKind::BusUnavailable => events.unavailable = true,
            FaultKind::StreamsAreShort => {
                events.end_stream_after = 1 + dose % 4;
                events.end_unavailable = dose.is_multiple_of(2);
            }
            FaultKind::EventsTwice => events.duplicate_every = 1 + dose % 3,
            FaultKind::OldSchemas => events.old_schema_every = 1 + dose % 3,
            _ => {}
        }
    }

    /// Whether it comes at moments, as against being on for a while.
    pub(crate) fn is_momentary(self) -> bool {
        use FaultKind::*;
        matches!(
            self,
            PositionForgotten
                | OrgMigrated
                | StreamsEndClean
                | StreamsBreak
                | SessionsExpire
                | Gaps
                | Wildcard
                | GrantRevoked
                | Merges
                | DeleteUndelete
                | HardDeletes
                | EngineDies
        )
    }

    /// Whether no event tells of it, so that only asking for what changed finds it.
    pub fn is_silent(self) -> bool {
        matches!(self, FaultKind::MemberDeselected | FaultKind::HardDeletes)
    }

    /// Whether sessions end again and again while it is on, so that it is met.
    pub(crate) fn ends_sessions(self) -> bool {
        matches!(self, FaultKind::TokenAnswersLost | FaultKind::TokenEndpointDown)
    }

    /// Whether it makes Salesforce refuse what a person must set right: the record becomes a sync issue.
    pub(crate) fn may_park(self) -> bool {
        use FaultKind::*;
        matches!(
            self,
            UnknownCodes
                | FieldHidden
                | FieldReadOnly
                | ValidationRule
                | TriggerReverts
                | RecordsHidden
                | DuplicateRule
                | HtmlPages
        )
    }
}

fn rule(path: Option<&str>, probability: f64, fault: Fault) -> FaultRule {
    FaultRule {
        method: None,
        path: path.map(str::to_owned),
        object: None,
        skip: 0,
        times: Some(STRIKES_MAX),
        probability,
        fault,
    }
}
