//! What is asked when.

use super::*;

fn org_time(text: &str) -> Timestamp {
    text.parse().expect("a time")
}

fn noon() -> Timestamp {
    org_time("2026-03-10T12:00:00Z")
}

const POLL_APART: Duration = Duration::from_secs(2);

struct World {
    schedule: Schedule,
    polled: BTreeSet<String>,
    tempo: Tempo,
    began: Instant,
    at: Instant,
}

impl World {
    fn new(objects: &[&str], polled: &[&str]) -> Self {
        let objects = objects.iter().map(|object| ((*object).to_owned(), Marks::default())).collect();
        let polled = polled.iter().map(|object| (*object).to_owned()).collect();
        let began = Instant::now();
        Self { schedule: Schedule { objects }, polled, tempo: Tempo::default(), began, at: began }
    }

    fn now(&self) -> Timestamp {
        noon().checked_add(self.at - self.began).expect("a time")
    }

    fn due(&self) -> Vec<Question> {
        self.schedule.due(self.at, self.now(), &self.polled, POLL_APART, &self.tempo)
    }

    fn answer_all(&mut self) -> Vec<(String, Kind)> {
        let due = self.due();
        for question in &due {
            self.schedule.answered(question, self.at, self.now(), None);
        }
        due.into_iter().map(|question| (question.object, question.kind)).collect()
    }

    fn next(&self) -> Duration {
        self.schedule.next(self.at, &self.polled, POLL_APART, &self.tempo) - self.at
    }
}

fn both(kind: Kind) -> Vec<(String, Kind)> {
    vec![("Account".to_owned(), kind), ("Contact".to_owned(), kind)]
}

#[test]
fn the_first_question_finds_out_the_time_and_sweeps_reach_back_behind_it() {
    let mut world = World::new(&["Account", "Contact"], &[]);
    assert_eq!(world.answer_all(), both(Kind::First));
    assert!(world.due().is_empty());
    assert_eq!(world.next(), world.tempo.sweep);
    world.at += world.tempo.sweep;
    let due = world.due();
    assert_eq!(due.len(), 2);
    assert_eq!(due[0].since, back(noon(), world.tempo.sweep_overlap));
    assert_eq!(world.answer_all(), both(Kind::Sweep));
}

#[test]
fn what_the_stream_does_not_tell_of_is_asked_for_in_between_from_the_last_question_on() {
    let mut world = World::new(&["Account", "Contact"], &["Contact"]);
    world.answer_all();
    for _ in 0..3 {
        assert_eq!(world.next(), POLL_APART);
        world.at += POLL_APART;
        assert_eq!(world.due()[0].since, back(back(world.now(), POLL_APART), world.tempo.poll_overlap));
        assert_eq!(world.answer_all(), [("Contact".to_owned(), Kind::Poll)]);
    }
}

#[test]
fn going_from_the_stream_to_asking_begins_at_the_last_sweep() {
    let mut world = World::new(&["Contact"], &[]);
    world.answer_all();
    world.at += Duration::from_secs(600);
    world.polled.insert("Contact".to_owned());
    assert_eq!(world.due()[0].since, back(noon(), world.tempo.poll_overlap));
}

#[test]
fn what_the_stream_begins_to_tell_of_is_asked_for_once_more() {
    let mut world = World::new(&["Account", "Contact"], &[]);
    world.answer_all();
    let ways = BTreeMap::from([("Contact".to_owned(), FeedWay::Stream)]);
    world.schedule.follow(&ways);
    assert_eq!(world.next(), Duration::ZERO);
    assert_eq!(world.due()[0].since, back(noon(), world.tempo.sweep_overlap));
    assert_eq!(world.answer_all(), [("Contact".to_owned(), Kind::CatchUp)]);
    world.schedule.follow(&ways);
    assert!(world.due().is_empty(), "once is enough");
    world.schedule.follow(&BTreeMap::from([("Contact".to_owned(), FeedWay::Polling)]));
    assert!(world.due().is_empty());
    world.schedule.follow(&ways);
    assert_eq!(world.answer_all(), [("Contact".to_owned(), Kind::CatchUp)]);
}

#[test]
fn an_answer_that_was_cut_short_is_asked_on_at_once_and_moves_the_mark_no_further() {
    let mut world = World::new(&["Contact"], &[]);
    world.answer_all();
    world.at += world.tempo.sweep;
    let question = world.due().remove(0);
    let reached = org_time("2026-03-10T12:05:00Z");
    let (at, now) = (world.at, world.now());
    world.schedule.answered(&question, at, now, Some(reached));
    assert_eq!(world.schedule.objects["Contact"].mark, Some(reached));
    assert_eq!(world.next(), Duration::ZERO);
    assert_eq!((world.due()[0].kind, world.due()[0].since), (Kind::Sweep, reached));
    world.answer_all();
    assert_eq!(world.next(), world.tempo.sweep);
}

#[test]
fn a_mark_from_before_the_orgs_memory_means_reading_everything_again() {
    let mut world = World::new(&["Contact"], &[]);
    world.schedule.objects.get_mut("Contact").expect("it is there").mark = Some(org_time("2026-02-20T00:00:00Z"));
    let due = world.due();
    assert!(due[0].resync && due[0].kind == Kind::First);
}

#[test]
fn an_object_in_trouble_holds_up_no_other_and_sweeps_join_again() {
    let mut world = World::new(&["Account", "Contact"], &[]);
    world.answer_all();
    world.at += world.tempo.sweep;
    let question = world.due().remove(0);
    world.schedule.failed("Contact", world.at, Action::Retry, &world.tempo);
    let (at, now) = (world.at, world.now());
    world.schedule.answered(&question, at, now, None);
    assert!(world.due().is_empty());
    world.at += Duration::from_secs(1);
    assert_eq!(world.answer_all(), [("Contact".to_owned(), Kind::Sweep)]);
    world.at += world.tempo.sweep - Duration::from_secs(1);
    assert_eq!(world.answer_all(), both(Kind::Sweep), "a question of both is one call");
}

#[test]
fn formulas_are_taken_in_by_themselves() {
    let field = |name: &str, calculated| {
        serde_json::from_value(serde_json::json!({
            "name": name, "label": name, "type": "string", "updateable": true, "nillable": true, "custom": false, "calculated": calculated,
        }))
        .expect("a field")
    };
    let schema = ObjectSchema {
        name: "Contact".to_owned(),
        label: "Contact".to_owned(),
        key_prefix: None,
        fields: vec![field("Email", false), field("Score__c", true)],
    };
    let record = Record {
        object: "Contact".to_owned(),
        id: "003".to_owned(),
        values: [("Email", "a@b.c"), ("Score__c", "9")]
            .map(|(name, value)| (name.to_owned(), syncline_model::Value::Text(value.to_owned())))
            .into(),
        created_at: noon(),
        modified_at: noon(),
        modstamp: noon(),
    };
    let (plain, calculated) = split_calculated(vec![record], Some(&schema));
    assert_eq!(plain[0].values.keys().collect::<Vec<_>>(), ["Email"]);
    assert_eq!(calculated[0].values.keys().collect::<Vec<_>>(), ["Score__c"]);
}

#[test]
fn a_poll_passes_on_what_the_last_answer_did_not_say_and_a_sweep_all() {
    let record = |id: &str, modstamp: &str| {
        let at = org_time(modstamp);
        let values = [("Plan__c".to_owned(), "LOCKED".into())].into();
        Record { object: "Contact".into(), id: id.into(), values, created_at: at, modified_at: at, modstamp: at }
    };
    let answer = || ChangedObject {
        records: vec![record("003A", "2026-03-10T11:59:50Z"), record("003B", "2026-03-10T12:00:00Z")],
        gone: vec!["003C".to_owned()],
        more_from: None,
    };
    let mut seen = Seen::default();
    let mut told = |kind| {
        let told = seen.unseen(answer(), kind, noon());
        (told.records.into_iter().map(|record| record.id).collect::<Vec<_>>(), told.gone.len())
    };
    assert_eq!(told(Kind::Poll), (vec!["003A".to_owned(), "003B".to_owned()], 1));
    // Within the second of its stamp it may have been written and turned back since.
    assert_eq!(told(Kind::Poll), (vec!["003B".to_owned()], 0));
    assert_eq!(told(Kind::Sweep), (vec!["003A".to_owned(), "003B".to_owned()], 1));
}
