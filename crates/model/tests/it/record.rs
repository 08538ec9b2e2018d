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
    event_of("Title", title, commit_number, commit_ms)
}

fn event_of(field: &str, value: &str, commit_number: i64, commit_ms: i64) -> RecordChange {
    RecordChange {
        object: "Contact".into(),
        record_id: "003000000000001AAA".into(),
        commit: CommitPosition { commit_ms, commit_number, sequence: 1 },
        effect: RecordEffect::Values { values: Values::from([(field.to_owned(), value.into())]), complete: false },
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
    assert!(!held.stale, "by the stamps alone, the read is older than the event, and it says the same");
    held.refresh(read("C", SECOND), None);
    assert!(held.stale, "the stamp may be that of another transaction, of which nobody told");
    held.refresh(read("C", SECOND), Some(held.revision));
    assert!(!held.stale);
    assert_eq!(title(&held), "C");
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

#[test]
fn what_a_late_commit_wrote_is_found_though_news_of_it_was_lost_and_later_news_was_not() {
    let mut held = HeldRecord::from_read(read("A", SECOND - 5_000));
    // The title was written at SECOND and nobody told; then, with the same stamp, something else, which was told.
    held.apply(&event_of("Department", "Sales", 8, SECOND + 4_000));
    held.refresh(read("B", SECOND), None);
    assert!(held.stale, "it is one or the other");
    assert_eq!(title(&held), "A");
    held.refresh(read("B", SECOND), Some(held.revision));
    assert_eq!((title(&held), held.stale), ("B", false));
}

#[test]
fn a_read_under_way_does_not_take_the_place_of_one_that_saw_more() {
    let mut held = HeldRecord::from_read(read("A", SECOND - 5_000));
    held.apply(&event_of("Department", "Sales", 8, SECOND + 4_000));
    held.apply(&RecordChange { effect: RecordEffect::Unknown, ..event("", 9, SECOND + 5_000) });
    let asked_at = held.revision;
    // Of what nobody told, and with stamps from before what is held.
    held.refresh(read("B", SECOND), None);
    held.refresh(read("A", SECOND - 5_000), Some(asked_at));
    assert!(held.stale, "it was asked for before the other came");
    held.refresh(read("B", SECOND), Some(held.revision));
    assert_eq!((title(&held), held.stale), ("B", false));
}

/// A transaction of the property below.
#[derive(Clone, Debug)]
struct Wrote {
    field: &'static str,
    number: i64,
    written: i64,
    committed: i64,
    told: bool,
}

impl Wrote {
    fn event(&self) -> RecordChange {
        event_of(self.field, &self.value(), self.number, self.committed)
    }

    fn value(&self) -> String {
        format!("v{:02}", self.number)
    }
}

/// What a read sees after these transactions.
fn seen(transactions: &[Wrote]) -> Record {
    let mut record = read("v00", transactions.last().map_or(SECOND - 5_000, |last| last.written));
    record.values.insert("Department".to_owned(), "v00".into());
    record.values.extend(transactions.iter().map(|one| (one.field.to_owned(), Value::text(one.value()))));
    record
}

proptest! {
    /// A record has a history of transactions, each of which holds the record from when it writes until it commits, which may take
    /// seconds, and writes one of two fields. Events arrive in order, some more than once and some never; reads that name the revision
    /// they were asked at are under way meanwhile, each seeing the truth of its moment, and sweeps read as well. Once all events have
    /// arrived, a sweep has come by and a stale copy was read again, the copy is the truth; and it never shows a value that is older than one
    /// it showed.
    #[test]
    fn the_copy_ends_at_the_truth_and_never_goes_back(
        transactions in proptest::collection::vec((0i64..1_500, prop_oneof![Just(0i64), 0i64..6_000], any::<bool>(), 0u8..4), 1..20),
        steps in proptest::collection::vec((0u8..5, 0usize..3), 0..80),
    ) {
        let mut time = SECOND;
        let history: Vec<Wrote> = transactions.iter().zip(1..).map(|((gap, lasts, is_title, dice), number)| {
            let written = time + gap;
            time = written + lasts;
            let field = if *is_title { "Title" } else { "Department" };
            Wrote { field, number, written, committed: time, told: *dice > 0 }
        }).collect();
        let mut held = HeldRecord::from_read(seen(&[]));
        let mut committed: usize = 0; // transactions that have happened
        let mut delivered: usize = 0; // events that have arrived, or are lost
        let mut under_way: Vec<(i64, usize)> = Vec::new(); // revision that a read was asked at, and how much it saw
        let mut shown = Values::new();
        let mut check = |held: &HeldRecord| {
            if held.stale { return Ok(()); }
            for (field, value) in &held.values {
                let before = shown.insert(field.clone(), value.clone());
                let before = before.as_ref().and_then(Value::as_text).unwrap_or_default();
                prop_assert!(value.as_text().unwrap() >= before, "{} went back from {} to {:?}", field, before, value);
            }
            Ok(())
        };
        for (what, number) in steps {
            match what {
                0 => committed = (committed + 1 + number).min(history.len()),
                1 => under_way.push((held.revision, committed)),
                2 if !under_way.is_empty() => {
                    let (asked_at, saw) = under_way.remove(number % under_way.len());
                    held.refresh(seen(&history[..saw]), Some(asked_at));
                }
                3 => held.refresh(seen(&history[..committed]), None),
                4 => {
                    let from = delivered.saturating_sub(number);
                    delivered = (delivered + 1).min(committed);
                    for one in history[from..delivered].iter().filter(|one| one.told) {
                        held.apply(&one.event());
                        check(&held)?;
                    }
                }
                _ => {}
            }
            check(&held)?;
        }
        for one in history[delivered..].iter().filter(|one| one.told) {
            held.apply(&one.event());
            check(&held)?;
        }
        held.refresh(seen(&history), None);
        check(&held)?;
        if held.stale {
            held.refresh(seen(&history), Some(held.revision));
        }
        prop_assert!(!held.stale);
        prop_assert_eq!(&held.values, &seen(&history).values);
    }
}
