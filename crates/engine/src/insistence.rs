//! Notices when something in the org (a trigger, a flow, another integration) keeps undoing what Syncline writes, so that
//! the two do not overwrite each other for ever.

use std::{
    collections::{HashMap, VecDeque},
    time::Duration,
};

use syncline_model::Value;
use tokio::time::Instant;

/// Writing the same value this often within [`WINDOW`] is enough: whoever undoes it wins, and it becomes a sync issue.
const MOST: usize = 3;
/// How long a write counts.
const WINDOW: Duration = Duration::from_secs(600);
/// Fields remembered; beyond it the oldest are forgotten, which at worst lets a fight go on for another [`MOST`] rounds.
const REMEMBERED: usize = 10_000;

/// What was written lately.
#[derive(Default)]
pub(crate) struct Insistence {
    /// By record and field.
    writes: HashMap<(String, String), Writes>,
}

struct Writes {
    value: Value,
    times: VecDeque<Instant>,
}

impl Insistence {
    /// Whether this value was written to this field of this record often enough lately.
    pub(crate) fn is_enough(&self, record: &str, field: &str, value: &Value) -> bool {
        let writes = self.writes.get(&(record.to_owned(), field.to_owned()));
        writes.is_some_and(|writes| {
            let recent = writes.times.iter().filter(|time| time.elapsed() < WINDOW).count();
            writes.value == *value && recent >= MOST
        })
    }

    /// Remembers a write.
    pub(crate) fn wrote(&mut self, record: &str, field: &str, value: &Value) {
        if self.writes.len() >= REMEMBERED {
            self.writes.retain(|_, writes| writes.times.back().is_some_and(|time| time.elapsed() < WINDOW));
            if self.writes.len() >= REMEMBERED {
                self.writes.clear();
            }
        }
        let writes = self
            .writes
            .entry((record.to_owned(), field.to_owned()))
            .or_insert_with(|| Writes { value: value.clone(), times: VecDeque::new() });
        if writes.value != *value {
            *writes = Writes { value: value.clone(), times: VecDeque::new() };
        }
        writes.times.push_back(Instant::now());
        if writes.times.len() > MOST {
            writes.times.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_value_is_written_to_one_field_of_one_record_so_often_and_no_more() {
        let mut insistence = Insistence::default();
        let plan = Value::text("pro");
        // A profile that was linked to another record before has not been fought over on this one.
        insistence.wrote("003A", "Plan__c", &plan);
        for _ in 1..MOST {
            insistence.wrote("003B", "Plan__c", &plan);
        }
        assert!(!insistence.is_enough("003B", "Plan__c", &plan));
        insistence.wrote("003B", "Plan__c", &plan);
        assert!(insistence.is_enough("003B", "Plan__c", &plan));
        assert!(!insistence.is_enough("003B", "Plan__c", &Value::text("team")));
        assert!(!insistence.is_enough("003B", "Title", &plan));
    }
}
