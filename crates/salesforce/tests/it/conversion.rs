//! Converted leads: whichever way Salesforce is asked or tells, a lead is gone once it was converted.

use std::time::Duration;

use jiff::Timestamp;
use serde_json::json;
use syncline_model::{
    Values,
    change::RecordEffect,
    connector::{Connector, ErrorKind, ExaminedObject, RecordWrite, Since},
    record::Record,
};
use syncline_org::core::{LeadConversion, Write};

use crate::connected::{self, Connected};

fn lead(connected: &Connected, name: &str) -> String {
    connected.create("Lead", json!({"LastName": name, "Company": "Acme", "Email": "ada@x.test"}))
}

fn convert(connected: &Connected, lead: &str) {
    connected.commit(Write::Convert(LeadConversion {
        lead_id: lead.to_owned(),
        converted_status: "Closed - Converted".to_owned(),
        ..LeadConversion::default()
    }));
}

fn ids(records: Vec<Record>) -> Vec<String> {
    records.into_iter().map(|record| record.id).collect()
}

#[tokio::test]
async fn a_converted_lead_is_in_no_answer_and_a_question_for_changes_tells_that_it_is_gone() {
    let connected = connected::connect().await;
    let begun = Timestamp::from_millisecond(connected.org.handle().now_ms()).unwrap();
    let (open, converted) = (lead(&connected, "Open"), lead(&connected, "Converted"));
    convert(&connected, &converted);
    let salesforce = &connected.salesforce;
    let (both, fields) = ([open.clone(), converted.clone()], ["Email".to_owned()]);
    let only = vec![open];

    assert_eq!(ids(salesforce.find("Lead", "Email", &["ada@x.test".to_owned()], &fields).await.unwrap()), only);
    assert_eq!(ids(salesforce.read("Lead", &both, &fields).await.unwrap()), only);
    let mut all = salesforce.read_all("Lead", &fields).await.unwrap();
    assert_eq!(ids(all.next().await.unwrap().unwrap()), only);
    assert!(all.next().await.unwrap().is_none());
    let asked = Since { object: "Lead".to_owned(), fields: fields.to_vec(), since: begun, with_deletions: true };
    let changed = salesforce.changed_since(&[asked]).await.unwrap().objects.remove(0).unwrap();
    assert_eq!((ids(changed.records), changed.gone), (only, vec![converted]));

    let key_field = "Email".to_owned();
    let lead = ExaminedObject { object: "Lead".to_owned(), key_field, read: Vec::new(), written: Vec::new() };
    let findings = salesforce.examine(&[lead]).await.unwrap();
    let duplicates = findings.iter().find(|finding| finding.check == "duplicates").unwrap();
    assert_eq!(duplicates.message, "No two records have the same value.");
}

#[tokio::test]
async fn all_leads_are_read_by_queries_too_without_those_that_were_converted() {
    let connected = connected::connect().await;
    let (open, converted) = (lead(&connected, "Open"), lead(&connected, "Converted"));
    convert(&connected, &converted);
    connected.org.handle().bulk().set_settings(syncline_org::BulkSettings { query_jobs_max: 0, ..Default::default() });
    let mut all = connected.salesforce.read_all("Lead", &["Email".to_owned()]).await.unwrap();
    assert_eq!(ids(all.next().await.unwrap().unwrap()), [open]);
}

#[tokio::test]
async fn the_event_of_a_conversion_says_that_the_lead_is_gone_and_the_contact_made() {
    let connected = connected::connect().await;
    let lead = lead(&connected, "Ada");
    let mut stream = connected.salesforce.changes("/data/ChangeEvents", None).await.unwrap();
    convert(&connected, &lead);
    let (mut is_gone, mut is_made) = (false, false);
    while !(is_gone && is_made) {
        let next = tokio::time::timeout(Duration::from_secs(20), stream.next()).await.expect("the events come");
        for change in next.unwrap().unwrap().changes {
            is_gone |= change.record_id == lead && change.effect == RecordEffect::Gone;
            is_made |=
                change.object == "Contact" && matches!(change.effect, RecordEffect::Values { complete: true, .. });
        }
    }
}

#[tokio::test]
async fn a_write_to_a_converted_lead_is_told_that_it_is_gone() {
    let connected = connected::connect().await;
    let lead = lead(&connected, "Ada");
    convert(&connected, &lead);
    let values = Values::from([("Title".to_owned(), "CTO".into())]);
    let writes = [RecordWrite { object: "Lead".to_owned(), id: lead, values }];
    let one_by_one = connected.salesforce.write(&writes).await.unwrap();
    let by_job = connected.salesforce.write_many(&writes).await.unwrap();
    for outcome in [&one_by_one[0], &by_job[0]] {
        let refusal = outcome.as_ref().unwrap_err();
        assert_eq!((refusal.code.as_str(), refusal.kind), ("CANNOT_UPDATE_CONVERTED_LEAD", ErrorKind::RecordGone));
    }
}
