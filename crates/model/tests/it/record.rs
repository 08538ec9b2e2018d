//! Which news about a record is newer: a held copy never goes back in time.

use jiff::Timestamp;
use proptest::prelude::*;
use syncline_model::{
    Value, Values,
    change::{CommitPosition, RecordChange, RecordEffect},
    record::{Applied, HeldRecord, Record},
};

const SECOND: i64 = 1_790_000_000_000;

fn at(ms: i64) -> Timestamp {
    Timestamp::from_millisecond(ms).unwrap()
}

/// A read of a record that was last changed at `modified_ms`: Salesforce tells that to the second.
fn read(title: &str, modified_ms: i64) -> Record {
    let modstamp = at(modified_ms.div_euclid(1000) * 1000);
    Record {
        object: "Contact".into(),
        id: "003000000000001AAA".into(),
        values: Values::from([("Title".to_owned(), title.into())]),
        created_at: at(SECOND),
        modified_at: modstamp,
        modstamp,
    }
}

fn event(title: &str, commit_number: i64, commit_ms: i64) -> RecordChange {
    RecordChange {
        object: "Contact".into(),
        record_id: "003000000000001AAA".into(),
        commit: CommitPosition { commit_ms, commit_number, sequence: 1 },
        effect: RecordEffect::Values { values: Values::from([("Title".to_owned(), title.into())]), complete: false },
    }
}

fn title(held: &HeldRecord) -> &str {
    held.values["Title"].as_text().unwrap()
}

#[test]
fn news_older_than_the_read_is_dropped() {
    let mut held = HeldRecord::from_read(read("CTO", SECOND + 5_300));
    assert_eq!(held.apply(&event("Engineer", 1, SECOND + 4_999)), Applied::Older);
    assert_eq!(title(&held), "CTO");
}

#[test]
fn news_of_the_second_of_the_read_makes_the_copy_stale() {
    let mut held = HeldRecord::from_read(read("CTO", SECOND + 5_300));
    assert_eq!(held.apply(&event("Engineer", 1, SECOND + 5_100)), Applied::Changed);
    assert!(held.stale);
    assert_eq!(title(&held), "CTO");
}

#[test]
fn events_are_ordered_by_their_commit() {
    let mut held = HeldRecord::from_read(read("A", SECOND));
    assert_eq!(held.apply(&event("B", 7, SECOND + 2_000)), Applied::Changed);
    assert_eq!(held.apply(&event("B", 8, SECOND + 2_001)), Applied::Confirmed);
    assert_eq!(held.apply(&event("A", 6, SECOND + 2_002)), Applied::Older);
    assert_eq!(held.apply(&event("B", 8, SECOND + 2_001)), Applied::Older);
    assert_eq!(title(&held), "B");
}

#[test]
fn a_delete_counts_even_in_the_second_of_the_read() {
    let mut held = HeldRecord::from_read(read("A", SECOND));
    let delete = RecordChange { effect: RecordEffect::Gone, ..event("", 7, SECOND + 10) };
    assert_eq!(held.apply(&delete), Applied::Changed);
    assert!(held.gone);
}

#[test]
fn a_read_that_is_older_than_an_event_leaves_the_copy_stale() {
    let mut held = HeldRecord::from_read(read("A", SECOND));
    held.apply(&event("C", 9, SECOND + 9_000));
    held.refresh(read("B", SECOND + 5_000), None);
    assert!(held.stale);
    assert_eq!(title(&held), "C");
}

#[test]
fn a_read_that_was_long_on_its_way_does_not_take_the_place_of_an_event_of_its_second() {
    let mut held = HeldRecord::from_read(read("A", SECOND - 1_000));
    held.apply(&event("C", 9, SECOND + 600));
    held.refresh(read("B", SECOND + 200), None);
    assert!(held.stale, "it may be either");
    held.refresh(read("C", SECOND + 600), Some(held.revision));
    assert!(!held.stale);
    assert_eq!(title(&held), "C");
}

#[test]
fn a_read_overtaken_by_another_leaves_the_copy_stale() {
    let mut held = HeldRecord::from_read(read("C", SECOND + 5_000));
    held.refresh(read("B", SECOND + 2_000), None);
    assert!(held.stale);
}

#[test]
fn two_reads_of_one_second_that_differ_can_not_be_ordered() {
    let mut held = HeldRecord::from_read(read("C", SECOND + 200));
    held.refresh(read("B", SECOND + 700), None);
    assert!(held.stale, "either may have been overtaken");
    held.refresh(read("C", SECOND + 200), None);
    assert!(held.stale, "that it says the same proves nothing: it may have been on its way all the time");
    held.refresh(read("C", SECOND + 200), Some(held.revision));
    assert!(!held.stale);
}

#[test]
fn the_commit_of_a_long_transaction_does_not_leave_the_copy_stale_for_good() {
    let mut held = HeldRecord::from_read(read("A", SECOND - 5_000));
    // Written at SECOND, which is its modification stamp; committed three seconds later.
    held.apply(&event("B", 7, SECOND + 3_000));
    held.refresh(read("B", SECOND), None);
    assert!(held.stale, "by the stamps alone, the read is older than the event");
    held.refresh(read("B", SECOND), Some(held.revision));
    assert!(!held.stale);
    assert_eq!(title(&held), "B");
}

#[test]
fn news_that_comes_while_a_read_is_on_its_way_is_not_lost() {
    let mut held = HeldRecord::from_read(read("A", SECOND));
    held.apply(&event("B", 7, SECOND + 500));
    assert!(held.stale);
    let asked_at = held.revision;
    // The read sees B; what comes now is newer and says what the stale copy says.
    held.apply(&event("A", 8, SECOND + 900));
    held.refresh(read("B", SECOND + 500), Some(asked_at));
    assert!(held.stale);

    let unknown = RecordChange { effect: RecordEffect::Unknown, ..event("", 9, SECOND + 5_000) };
    let asked_at = held.revision;
    held.apply(&unknown);
    held.refresh(read("A", SECOND + 900), Some(asked_at));
    assert!(held.stale, "the read may have seen what was before the unknown change");
}

#[test]
fn a_record_that_a_read_did_not_find_is_gone_unless_news_came_meanwhile() {
    let mut held = HeldRecord::from_read(read("A", SECOND));
    held.apply(&event("B", 7, SECOND + 500));
    let asked_at = held.revision;
    held.apply(&event("C", 8, SECOND + 700));
    held.vanish(Some(asked_at));
    assert!(held.stale && !held.gone);
    held.vanish(Some(held.revision));
    assert!(held.gone && !held.stale);
}

proptest! {
    /// A record has a history of transactions, each of which holds the record from when it writes until it commits, which may take
    /// seconds; events arrive in order, some more than once; reads that name the revision they were asked at are under way meanwhile,
    /// each seeing the truth of its moment. Once all events have arrived and a stale copy was read again, the copy is the truth; and it
    /// never shows a value that is older than one it showed.
    #[test]
    fn the_copy_ends_at_the_truth_and_never_goes_back(
        transactions in proptest::collection::vec((0i64..1_500, prop_oneof![Just(0i64), 0i64..6_000]), 1..20),
        steps in proptest::collection::vec((0u8..5, 0usize..3), 0..80),
    ) {
        let mut time = SECOND;
        let history: Vec<_> = transactions.iter().enumerate().map(|(number, (gap, lasts))| {
            let written = time + gap;
            time = written + lasts;
            (format!("v{number:02}"), number as i64 + 1, written, time)
        }).collect();
        let mut held = HeldRecord::from_read(read("v-1", SECOND - 5_000));
        let mut committed: usize = 0; // transactions that have happened
        let mut delivered: usize = 0; // events that have arrived
        let mut under_way: Vec<(i64, usize)> = Vec::new(); // revision that a read was asked at, and what it saw
        let mut shown = -1;
        let mut check = |held: &HeldRecord| {
            if held.stale { return Ok(()); }
            let now: i64 = title(held)[1..].parse().unwrap();
            prop_assert!(now >= shown, "went back from v{} to v{}", shown, now);
            shown = now;
            Ok(())
        };
        for (what, number) in steps {
            match what {
                0 => committed = (committed + 1 + number).min(history.len()),
                1 if committed > 0 => under_way.push((held.revision, committed - 1)),
                2 if !under_way.is_empty() => {
                    let (asked_at, saw) = under_way.remove(number % under_way.len());
                    let (value, _, written, _) = &history[saw];
                    held.refresh(read(value, *written), Some(asked_at));
                }
                3 if committed > 0 => {
                    let (value, _, written, _) = &history[committed - 1];
                    held.refresh(read(value, *written), None);
                }
                4 => {
                    let from = delivered.saturating_sub(number);
                    delivered = (delivered + 1).min(committed);
                    for (value, number, _, at) in &history[from..delivered] {
                        held.apply(&event(value, *number, *at));
                        check(&held)?;
                    }
                }
                _ => {}
            }
            check(&held)?;
        }
        for (value, number, _, at) in &history[delivered..] {
            held.apply(&event(value, *number, *at));
            check(&held)?;
        }
        let (last, _, written, _) = history.last().unwrap();
        if held.stale {
            held.refresh(read(last, *written), Some(held.revision));
        }
        prop_assert!(!held.stale);
        prop_assert_eq!(&held.values["Title"], &Value::text(last.clone()));
    }
}
