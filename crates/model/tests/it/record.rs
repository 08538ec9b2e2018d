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
    held.refresh(read("B", SECOND + 5_000));
    assert!(held.stale);
    assert_eq!(title(&held), "C");
}

#[test]
fn a_read_that_was_long_on_its_way_does_not_take_the_place_of_an_event_of_its_second() {
    let mut held = HeldRecord::from_read(read("A", SECOND - 1_000));
    held.apply(&event("C", 9, SECOND + 600));
    held.refresh(read("B", SECOND + 200));
    assert!(held.stale, "it may be either");
    held.refresh(read("C", SECOND + 600));
    held.refresh(read("C", SECOND + 600));
    assert!(!held.stale);
    assert_eq!(title(&held), "C");
}

#[test]
fn a_read_overtaken_by_another_leaves_the_copy_stale() {
    let mut held = HeldRecord::from_read(read("C", SECOND + 5_000));
    held.refresh(read("B", SECOND + 2_000));
    assert!(held.stale);
}

#[test]
fn two_reads_of_one_second_that_differ_can_not_be_ordered() {
    let mut held = HeldRecord::from_read(read("C", SECOND + 200));
    held.refresh(read("B", SECOND + 700));
    assert!(held.stale, "either may have been overtaken");
    held.refresh(read("C", SECOND + 200));
    held.refresh(read("C", SECOND + 200));
    assert!(!held.stale);
}

proptest! {
    /// A record has a history; events arrive in order, some more than once, and reads happen in between, each seeing the truth of its
    /// moment. Once all events have arrived and a stale copy was read again, the copy is the truth; and it never shows a value that is
    /// older than one it showed.
    #[test]
    fn the_copy_ends_at_the_truth_and_never_goes_back(
        gaps_ms in proptest::collection::vec(0i64..1_500, 1..20),
        steps in proptest::collection::vec((any::<bool>(), 0usize..3), 0..60),
    ) {
        let mut time = SECOND;
        let history: Vec<_> = gaps_ms.iter().enumerate().map(|(number, gap)| {
            time += gap;
            (format!("v{number:02}"), number as i64 + 1, time)
        }).collect();
        let mut held = HeldRecord::from_read(read("v-1", SECOND - 5_000));
        let mut committed: usize = 0; // events that have happened
        let mut delivered: usize = 0; // events that have arrived
        let mut shown = -1;
        let mut check = |held: &HeldRecord| {
            if held.stale { return Ok(()); }
            let now: i64 = title(held)[1..].parse().unwrap();
            prop_assert!(now >= shown, "went back from v{} to v{}", shown, now);
            shown = now;
            Ok(())
        };
        for (is_read, again) in steps {
            if is_read {
                committed = (committed + 1 + again).min(history.len());
                let (value, _, ms) = &history[committed - 1];
                held.refresh(read(value, *ms));
            } else {
                let from = delivered.saturating_sub(again);
                delivered = (delivered + 1).min(history.len());
                committed = committed.max(delivered);
                for (value, number, ms) in &history[from..delivered] {
                    held.apply(&event(value, *number, *ms));
                    check(&held)?;
                }
            }
            check(&held)?;
        }
        for (value, number, ms) in &history[delivered..] {
            held.apply(&event(value, *number, *ms));
            check(&held)?;
        }
        let (last, _, ms) = history.last().unwrap();
        for _ in 0..2 {
            if held.stale {
                held.refresh(read(last, *ms));
            }
        }
        prop_assert!(!held.stale);
        prop_assert_eq!(&held.values["Title"], &Value::text(last.clone()));
    }
}
