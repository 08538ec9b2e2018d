//! The one table of Salesforce's ways of saying no, walked as a whole: each code, said by the org over real sockets in the dialect that
//! it belongs to, comes out as its kind, with words for the administrator, and is not asked for again blindly.

use syncline_model::{
    Values,
    connector::{Connector, ConnectorError, ErrorKind, RecordWrite},
};
use syncline_org::{
    Fault, FaultRule, Faults, RowCode,
    pubsub::{EventFaults, Refusal},
};
use syncline_salesforce::fault_table;

use crate::connected::{Connected, connect};

const TOPIC: &str = "/data/ChangeEvents";

fn rule(method: &str, path: &str, fault: Fault) -> Faults {
    let rule = FaultRule {
        method: Some(method.into()),
        path: Some(path.into()),
        object: None,
        skip: 0,
        times: None,
        probability: 1.0,
        fault,
    };
    Faults { rules: vec![rule], ..Faults::default() }
}

fn answer(code: &str) -> Fault {
    let message = if code == "REQUEST_LIMIT_EXCEEDED" { "TotalRequests Limit exceeded." } else { "no" };
    Fault::Answer { status: 400, error_code: Some(code.into()), message: Some(message.into()), after_commit: false }
}

#[track_caller]
fn assert_told(error: &ConnectorError, code: &str, kind: ErrorKind) {
    assert_eq!(error.kind, kind, "{code}: {error}");
    assert!(error.code.ends_with(code), "{code}: {error}");
    // What has no words of its own is told in those of its kind, which the engine has for every one.
    if let Some(advice) = error.advice {
        assert!(advice.cause.len() > 10 && advice.remedy.ends_with('.'), "{code}: {advice:?}");
    }
}

fn is_of_oauth(code: &str) -> bool {
    code.starts_with(char::is_lowercase) && !code.contains('.')
}

#[tokio::test]
async fn each_code_that_refuses_a_call_has_its_kind_and_words_and_is_sent_once() {
    let connected = connect().await;
    connected.salesforce.describe("Contact").await.unwrap();
    let codes = fault_table().filter(|(code, ..)| !code.contains('.') && !is_of_oauth(code));
    for (code, kind, _) in codes {
        connected.org.handle().set_faults(rule("GET", "/query", answer(code)));
        let before = connected.calls("GET /query");
        let keys = ["ann@x.test".to_owned()];
        let refused = connected.salesforce.find("Contact", "Email", &keys, &[]).await.unwrap_err();
        assert_told(&refused, code, kind);
        assert_eq!(connected.calls("GET /query"), before + 1, "{code} is not asked for again");
    }
}

#[tokio::test]
async fn each_code_that_refuses_a_record_has_its_kind_and_leaves_the_others_written() {
    let connected = connect().await;
    let (refused, taken) = (connected.contact("a@x.test"), connected.contact("b@x.test"));
    let write = |id: &str, title: &str| RecordWrite {
        object: "Contact".into(),
        id: id.into(),
        values: Values::from([("Title".to_owned(), title.into())]),
    };
    for row_code in RowCode::ALL {
        let code = row_code.as_str();
        let (_, _, kind) = fault_table().find(|(known, ..)| *known == code).unwrap_or_else(|| panic!("{code}"));
        let mut faults =
            rule("PATCH", "/composite/sobjects", Fault::RowError { status_code: *row_code, message: None });
        faults.rules[0].times = Some(1);
        connected.org.handle().set_faults(faults);
        let writes = [write(&refused, code), write(&taken, code)];
        let outcomes = connected.salesforce.write(&writes).await.unwrap();
        assert_told(outcomes[0].as_ref().unwrap_err(), code, kind);
        assert_eq!(outcomes[1], Ok(()), "{code}");
        let rows = connected.select("", &format!("SELECT Title FROM Contact WHERE Id = '{taken}'")).await;
        assert_eq!(rows[0]["Title"], code, "what was not refused is written");
    }
}

#[tokio::test]
async fn each_oauth_error_has_its_kind_and_words() {
    for (code, kind, _) in fault_table().filter(|(code, ..)| is_of_oauth(code)) {
        let connected = connect_anew().await;
        connected.end_sessions();
        connected.org.handle().set_faults(rule("POST", "/services/oauth2/token", answer(code)));
        let refused = connected.salesforce.describe("Contact").await.unwrap_err();
        assert_told(&refused, code, kind);
        assert_eq!(connected.calls("POST /services/oauth2/token"), 1, "{code} is not asked for again");
    }
}

/// A grant that was refused stays so: each code wants one of its own.
async fn connect_anew() -> Connected {
    connect().await
}

#[tokio::test]
async fn each_trailer_of_the_event_bus_has_its_kind_and_words() {
    use Refusal as R;
    let connected = connect().await;
    let mut said = Vec::new();
    for refusal in [
        R::Authentication,
        R::AuthenticationRefresh,
        R::Unavailable,
        R::TooManyStreams,
        R::DeliveryLimit,
        R::ReplayIdCorrupted,
        R::ReplayIdMissing,
        R::RequestedEvents,
    ] {
        let events = EventFaults { refusal: Some(refusal), ..EventFaults::default() };
        connected.org.handle().set_faults(Faults { events, ..Faults::default() });
        let refused = match connected.salesforce.changes(TOPIC, None).await {
            Err(refused) => refused,
            Ok(mut stream) => loop {
                match stream.next().await {
                    Ok(_) => {}
                    Err(refused) => break refused,
                }
            },
        };
        let code = refused.code.strip_prefix("sfdc.platform.eventbus.grpc.").unwrap_or(&refused.code).to_owned();
        let (known, kind, _) = fault_table().find(|(known, ..)| **known == code).unwrap_or_else(|| panic!("{code}"));
        assert_told(&refused, known, kind);
        said.push(known);
    }
    let all = fault_table().map(|(code, ..)| code).filter(|code| code.contains('.'));
    assert!(all.into_iter().all(|code| said.contains(&code)), "{said:?}");
}
