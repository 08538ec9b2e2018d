//! Closing a connection: what was begun ends, nothing begins, and then the org hears no more of it.

use std::time::Duration;

use syncline_model::connector::{Connector, ErrorKind};
use syncline_org::Faults;

use crate::connected;

#[tokio::test]
async fn closing_waits_for_calls_under_way_and_lets_none_start() {
    let connected = connected::connect().await;
    let (org, salesforce) = (connected.org.handle().clone(), &connected.salesforce);
    let mut stream = salesforce.changes("/data/ChangeEvents", None).await.unwrap();
    org.set_faults(Faults { response_delay_ms: 300, ..Faults::default() });
    {
        // Both are begun and nobody waits for them: the one has a session, the other has to buy one first.
        let mut described = Box::pin(salesforce.describe("Contact"));
        let began = async {
            while connected.calls("GET /sobjects/{object}/describe") == 0 {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::select! {
            result = &mut described => panic!("answered at once: {result:?}"),
            () = began => {}
        }
        connected.end_sessions();
        let mut other = Box::pin(salesforce.describe("Account"));
        assert!(futures::poll!(&mut other).is_pending());
    }
    tokio::time::timeout(Duration::from_secs(20), salesforce.close()).await.expect("closing ends");
    let total = org.ledger().report().total;
    assert!(org.ledger().report().recent.iter().all(|entry| entry.method == "RPC" || entry.answered_ms.is_some()));

    let error = salesforce.describe("Contact").await.unwrap_err();
    assert_eq!(error.kind, ErrorKind::Transient);
    assert!(error.message.contains("closed"), "{error}");
    assert!(salesforce.changes("/data/ChangeEvents", None).await.is_err());
    connected.contact("ann@example.com");
    let ended = async { while let Ok(Some(_)) = stream.next().await {} };
    tokio::time::timeout(Duration::from_secs(20), ended).await.expect("the stream ends");
    assert_eq!(org.ledger().report().total, total);
    salesforce.close().await;
}
