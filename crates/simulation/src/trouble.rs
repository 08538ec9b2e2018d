//! Playing a schedule's trouble: what is on now, what strikes at a moment, and putting everything right again.

use std::collections::BTreeMap;

use syncline_org::{
    Faults,
    core::{
        FieldSchema, Write,
        automation::{Action, Assignment, Automation, Condition, Trigger, ValidationRule},
        channel::MemberDefinition,
    },
    pubsub::{EventAction, StreamEnd},
};

use crate::{
    fault::{FaultKind, STRIKES_MAX},
    schedule::{Schedule, Trouble},
    world::World,
};

/// What is on, and how often each kind struck.
pub(crate) struct Driver<'s> {
    schedule: &'s Schedule,
    active: Vec<&'s Trouble>,
    /// The kind of each rule that the org has now.
    rules: Vec<FaultKind>,
    round: u64,
    deselected: Vec<(String, MemberDefinition)>,
    deleted: Vec<String>,
    pub(crate) injected: BTreeMap<FaultKind, u64>,
}

impl<'s> Driver<'s> {
    pub(crate) fn new(schedule: &'s Schedule) -> Driver<'s> {
        let mut injected = BTreeMap::new();
        if schedule.skew_ms != 0 {
            injected.insert(FaultKind::ClockSkew, 1);
        }
        Driver {
            schedule,
            active: Vec::new(),
            rules: Vec::new(),
            round: 0,
            deselected: Vec::new(),
            deleted: Vec::new(),
            injected,
        }
    }

    fn count(&mut self, kind: FaultKind, times: u64) {
        if times > 0 {
            *self.injected.entry(kind).or_default() += times;
        }
    }

    /// Switches trouble on.
    pub(crate) fn on(&mut self, world: &World, trouble: &'s Trouble) {
        use FaultKind::*;
        self.active.push(trouble);
        let (org, dose) = (world.handle(), trouble.dose);
        match trouble.kind {
            DeliveriesUsedUp => org.act_on_events(EventAction::SetDailyDeliveriesMax { events: Some(0) }),
            Overflow => org.act_on_events(EventAction::SetOverflowAfter { changes: 1 }),
            OldSchemas => {
                let field = FieldSchema::text(&format!("Extra{dose}__c"), "Extra", 20);
                org.lock().add_custom_field("Contact", field).expect("a field of this name is new");
            }
            MemberDeselected => self.deselect(world),
            ApiDisabled => org.lock().set_api_enabled(false),
            FieldHidden => drop(world.grant_field(hidden(dose), false, false)),
            FieldReadOnly => drop(world.grant_field("userflow_user_plan__c", true, false)),
            RowLocks => {
                let until_ms = org.now_ms() + 100 + i64::try_from(dose % 300).unwrap_or(0);
                org.lock().lock_rows(world.contacts[1..5].iter().map(String::as_str), Some(until_ms));
            }
            ValidationRule | TriggerUppercases | TriggerReverts => self.automate(world),
            TokenAnswersLost | TokenEndpointDown => org.lock().end_all_sessions(),
            LateCommits => world.commit_late(1_000 + dose * 8),
            _ => {}
        }
        // The others count when they strike.
        if trouble.kind.rules(1.0, dose).is_empty() {
            self.count(trouble.kind, 1);
        }
        self.apply(world);
    }

    /// Switches it off.
    pub(crate) fn off(&mut self, world: &World, trouble: &'s Trouble) {
        use FaultKind::*;
        self.active.retain(|active| active.kind != trouble.kind);
        let org = world.handle();
        match trouble.kind {
            DeliveriesUsedUp => org.act_on_events(EventAction::SetDailyDeliveriesMax { events: None }),
            Overflow => org.act_on_events(EventAction::SetOverflowAfter { changes: 100_000 }),
            MemberDeselected => self.select(world),
            ApiDisabled => org.lock().set_api_enabled(true),
            FieldHidden => drop(world.grant_field(hidden(trouble.dose), true, true)),
            FieldReadOnly => drop(world.grant_field("userflow_user_plan__c", true, true)),
            RowLocks => org.lock().unlock_rows(),
            ValidationRule | TriggerUppercases | TriggerReverts => self.automate(world),
            LateCommits => world.commit_late(0),
            _ => {}
        }
        self.apply(world);
    }

    /// Lets it strike for the n-th time. The process's own death is not in here.
    pub(crate) fn strike(&mut self, world: &World, trouble: &Trouble, nth: u64) {
        use FaultKind::*;
        let (org, dose) = (world.handle(), trouble.dose);
        let object = if (dose + nth).is_multiple_of(3) { "Account" } else { "Contact" };
        let is_done = match trouble.kind {
            PositionForgotten => {
                org.act_on_events(EventAction::ForgetReplayIds);
                org.end_streams(StreamEnd::Clean);
                true
            }
            OrgMigrated => {
                org.act_on_events(EventAction::Migrate);
                true
            }
            StreamsEndClean => {
                org.end_streams(StreamEnd::Clean);
                true
            }
            StreamsBreak => {
                org.end_streams(StreamEnd::Unavailable);
                true
            }
            SessionsExpire | TokenAnswersLost | TokenEndpointDown => {
                org.lock().end_all_sessions();
                trouble.kind == SessionsExpire
            }
            Gaps => {
                org.act_on_events(EventAction::MakeGaps { object: object.to_owned(), commits: 1 + (dose % 3) as u32 });
                true
            }
            Wildcard => {
                org.act_on_events(EventAction::AnnounceConversion { object: object.to_owned() });
                true
            }
            GrantRevoked => org.lock().revoke_grants(None, Some(&world.org.client_id)) > 0,
            Merges => {
                let (master, loser) = (victim(world, dose + nth), victim(world, dose * 3 + nth + 1));
                let write = Write::Merge {
                    master: master.to_owned(),
                    losers: vec![loser.to_owned()],
                    values: serde_json::Map::new(),
                };
                master != loser && world.edit(vec![write]).iter().all(Option::is_some)
            }
            DeleteUndelete => match self.deleted.pop().filter(|_| !nth.is_multiple_of(3)) {
                Some(id) => world.edit(vec![Write::Undelete { id }]).iter().all(Option::is_some),
                None => {
                    let id = victim(world, dose + 2 * nth).to_owned();
                    let is_deleted =
                        world.edit(vec![Write::Delete { object: None, id: id.clone() }]).iter().all(Option::is_some);
                    self.deleted.push(id);
                    is_deleted
                }
            },
            HardDeletes => {
                let id = victim(world, dose + 5 * nth).to_owned();
                world.edit(vec![Write::HardDelete { object: None, id }]).iter().all(Option::is_some)
            }
            _ => false,
        };
        self.count(trouble.kind, u64::from(is_done));
    }

    /// Everything is well again.
    pub(crate) fn heal(&mut self, world: &World) {
        for trouble in self.active.clone() {
            self.off(world, trouble);
        }
        let org = world.handle();
        org.lock().clear_automations();
        org.lock().unlock_rows();
        self.apply(world);
    }

    /// Notes that the process died.
    pub(crate) fn died(&mut self) {
        self.count(FaultKind::EngineDies, 1);
    }

    /// Notes a value that no picklist has.
    pub(crate) fn misfit(&mut self) {
        self.count(FaultKind::PicklistMisfits, 1);
    }

    /// Makes the org's switches those of what is on.
    fn apply(&mut self, world: &World) {
        let org = world.handle();
        let struck: Vec<(FaultKind, u64)> = self
            .rules
            .iter()
            .zip(org.faults().rules)
            .map(|(kind, rule)| (*kind, STRIKES_MAX - rule.times.unwrap_or(STRIKES_MAX)))
            .collect();
        struck.into_iter().for_each(|(kind, times)| self.count(kind, times));
        self.round += 1;
        let mut faults = Faults {
            clock_skew_ms: self.schedule.skew_ms,
            seed: self.schedule.seed.wrapping_mul(1_000).wrapping_add(self.round),
            ..Faults::default()
        };
        self.rules.clear();
        for trouble in &self.active {
            trouble.kind.trouble_events(&mut faults.events, trouble.dose);
            if trouble.kind == FaultKind::Delays {
                faults.response_delay_ms = trouble.dose % 60;
            }
            let rules = trouble.kind.rules(trouble.chance, trouble.dose);
            self.rules.extend(rules.iter().map(|_| trouble.kind));
            faults.rules.extend(rules);
        }
        org.set_faults(faults);
    }

    /// Sets the org's rules and triggers up anew.
    fn automate(&self, world: &World) {
        let mut org = world.handle().lock();
        org.clear_automations();
        for trouble in &self.active {
            match trouble.kind {
                FaultKind::ValidationRule => {
                    let plan = org.object("Contact").and_then(|contact| contact.index_of("userflow_user_plan__c"));
                    let Some(plan) = plan else { continue };
                    let rule = ValidationRule {
                        object: "Contact".to_owned(),
                        name: "NoEvenPlans".to_owned(),
                        condition: Condition::new(move |_, row| {
                            let is_even = |text: &str| text.ends_with(['0', '2', '4', '6', '8']);
                            row.get(plan).as_text().is_some_and(is_even)
                        }),
                        message: "Even plans are not sold.".to_owned(),
                        field: trouble.dose.is_multiple_of(2).then(|| "userflow_user_plan__c".to_owned()),
                    };
                    org.add_validation_rule(rule).expect("the object and the field are there");
                }
                FaultKind::TriggerUppercases => {
                    org.add_automation(set("Title", Assignment::Upper)).expect("it is there")
                }
                FaultKind::TriggerReverts => {
                    let to = Assignment::Value("LOCKED".into());
                    org.add_automation(set("userflow_user_plan__c", to)).expect("it is there");
                }
                _ => {}
            }
        }
    }

    /// Takes contacts off every channel.
    fn deselect(&mut self, world: &World) {
        let mut org = world.handle().lock();
        let members: Vec<(String, String, MemberDefinition)> = org
            .channel_members()
            .filter(|member| member.metadata.selected_entity == "ContactChangeEvent")
            .map(|member| (member.id, member.full_name, member.metadata.clone()))
            .collect();
        for (id, name, definition) in members {
            org.delete_channel_member(&id).expect("it was just there");
            self.deselected.push((name, definition));
        }
    }

    fn select(&mut self, world: &World) {
        let (now_ms, mut org) = (world.handle().now_ms(), world.handle().lock());
        for (name, definition) in self.deselected.drain(..) {
            // Syncline may have put it back by itself.
            let _ = org.create_channel_member(&name, definition, now_ms);
        }
    }
}

fn hidden(dose: u64) -> &'static str {
    if dose.is_multiple_of(2) { "Title" } else { "Department" }
}

fn set(field: &str, to: Assignment) -> Automation {
    Automation {
        object: "Contact".to_owned(),
        name: format!("Set{field}"),
        trigger: Trigger::Update,
        condition: Condition::always(),
        action: Action::Set { field: field.to_owned(), to },
    }
}

/// Some contact, never the canary.
fn victim(world: &World, number: u64) -> &str {
    let others = &world.contacts[1..];
    &others[usize::try_from(number).unwrap_or(0) % others.len()]
}
