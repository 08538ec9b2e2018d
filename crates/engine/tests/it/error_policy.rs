//! The table of failures.

use syncline_engine::{Action, policy};
use syncline_model::connector::ErrorKind;

const ALL: [ErrorKind; 11] = [
    ErrorKind::Transient,
    ErrorKind::RateLimited,
    ErrorKind::QuotaExhausted,
    ErrorKind::UnknownOutcome,
    ErrorKind::AuthRevoked,
    ErrorKind::RecordGone,
    ErrorKind::RecordRejected,
    ErrorKind::FieldRejected,
    ErrorKind::SchemaChanged,
    ErrorKind::PositionLost,
    ErrorKind::Misconfigured,
];

#[test]
fn every_failure_tells_the_administrator_what_happened_and_what_to_do() {
    for kind in ALL {
        let policy = policy(kind);
        assert!(policy.cause.len() > 20, "{kind:?}");
        assert!(policy.remedy.ends_with('.'), "{kind:?}");
    }
}

#[test]
fn nothing_that_needs_a_person_is_retried_blindly() {
    assert_eq!(policy(ErrorKind::AuthRevoked).action, Action::Reconnect);
    assert_eq!(policy(ErrorKind::PositionLost).action, Action::Resync);
    for kind in [ErrorKind::RecordRejected, ErrorKind::FieldRejected, ErrorKind::SchemaChanged] {
        assert!(matches!(policy(kind).action, Action::Issue(_)), "{kind:?}");
    }
}
