//! Checks of the org as a whole: edition, what the connected user may do, limits, and what Change Data Capture is selected for.

use std::collections::BTreeSet;

use serde_json::{Value as Json, json};
use syncline_model::{
    connector::{ConnectorError, ExaminedObject},
    person_account::{CONTACT, needs_contacts},
};

use super::{Report, counted};
use crate::{rest::Rest, setup::Api, soql};

/// Objects that Change Data Capture can be selected for without the add-on. (Change Data Capture guide, "Allocations".)
const CAPTURED_MAX: usize = 5;
/// When less than one in so many of a daily allowance is left, somebody should know.
const LOW_PART: u64 = 5;

pub(super) async fn check(
    rest: &Rest,
    user_id: &str,
    objects: &[ExaminedObject],
    report: &mut Report,
) -> Result<(), ConnectorError> {
    let has_change_events = edition(rest, report).await?;
    permissions(rest, user_id, objects, report).await?;
    limits(rest, has_change_events, report).await?;
    if has_change_events {
        selection(rest, objects, report).await?;
    }
    Ok(())
}

/// Tells whether the edition has Change Data Capture.
async fn edition(rest: &Rest, report: &mut Report) -> Result<bool, ConnectorError> {
    let statement = "SELECT OrganizationType, IsSandbox FROM Organization";
    let answer = rest.rows(Api::Data, statement).await;
    let Some(rows) = report.answered("edition", None, answer)? else { return Ok(true) };
    let edition = rows.first().and_then(|row| row["OrganizationType"].as_str()).unwrap_or("an unknown edition");
    let kind =
        if rows.first().is_some_and(|row| row["IsSandbox"] == json!(true)) { "A sandbox of" } else { "An org of" };
    // Change Data Capture guide, "Required Editions".
    let has_change_events = !["Professional", "Group", "Contact Manager", "Essentials", "Starter"]
        .iter()
        .any(|poor| edition.contains(poor));
    if has_change_events {
        report.good("edition", None, format!("{kind} {edition}."));
    } else {
        report.warning(
            "edition",
            None,
            format!("{kind} {edition}, which has no Change Data Capture: Syncline asks for changes instead."),
            "Nothing, if a delay of some seconds will do; Enterprise, Performance, Unlimited and Developer have it.",
        );
    }
    Ok(has_change_events)
}

/// What the connected user's profile and permission sets allow.
async fn permissions(
    rest: &Rest,
    user_id: &str,
    objects: &[ExaminedObject],
    report: &mut Report,
) -> Result<(), ConnectorError> {
    const WANTED: [(&str, &str, &str); 3] = [
        ("PermissionsApiEnabled", "API Enabled", "nothing can be synced"),
        (
            "PermissionsCustomizeApplication",
            "Customize Application",
            "Syncline can make no fields and no channel of its own",
        ),
        ("PermissionsViewAllData", "View All Data", "records that are not shared with the user are missed"),
    ];
    let answer = permission_sets(rest, user_id).await;
    let Some(ids) = report.answered("permissions", None, answer)? else { return Ok(()) };
    let names: Vec<_> = WANTED.iter().map(|(name, ..)| *name).collect();
    let statement = format!("SELECT {} FROM PermissionSet WHERE Id IN ({ids})", names.join(", "));
    let answer = rest.rows(Api::Data, &statement).await;
    let Some(sets) = report.answered("permissions", None, answer)? else { return Ok(()) };
    let has = |name: &str| sets.iter().any(|set| set[name] == json!(true));
    let sees_all_of = match has("PermissionsViewAllData") || objects.is_empty() {
        true => BTreeSet::new(),
        false => objects_seen_whole(rest, &ids, objects, report).await?,
    };
    let are_all_seen = objects.iter().all(|object| sees_all_of.contains(&object.object)) && !objects.is_empty();
    for (name, label, without) in WANTED {
        if has(name) || (name == "PermissionsViewAllData" && are_all_seen) {
            report.good("permissions", Some(label), format!("The connected user has {label}."));
            continue;
        }
        let message = format!("The connected user has not the permission {label}: {without}.");
        let remedy = match name {
            "PermissionsViewAllData" => {
                "Give the user View All on the mapped objects, or View All Data, by a permission set.".to_owned()
            }
            _ => format!("Give the user {label} by a permission set."),
        };
        if name == "PermissionsApiEnabled" {
            report.problem("permissions", Some(label), message, remedy);
        } else {
            report.warning("permissions", Some(label), message, remedy);
        }
    }
    Ok(())
}

/// The profile's own permission set and those that are assigned to the user, as a list of literals.
async fn permission_sets(rest: &Rest, user_id: &str) -> Result<String, ConnectorError> {
    let user = soql::quoted(user_id);
    let of_profile = format!(
        "SELECT Id FROM PermissionSet WHERE IsOwnedByProfile = true AND ProfileId IN (SELECT ProfileId FROM User WHERE Id = {user})"
    );
    let assigned = format!("SELECT PermissionSetId FROM PermissionSetAssignment WHERE AssigneeId = {user}");
    let of_profile = rest.rows(Api::Data, &of_profile).await?;
    let assigned = rest.rows(Api::Data, &assigned).await?;
    let ids = of_profile.iter().map(|row| &row["Id"]).chain(assigned.iter().map(|row| &row["PermissionSetId"]));
    let ids: BTreeSet<String> = ids.filter_map(Json::as_str).map(soql::quoted).collect();
    Ok(ids.into_iter().collect::<Vec<_>>().join(", "))
}

async fn objects_seen_whole(
    rest: &Rest,
    sets: &str,
    objects: &[ExaminedObject],
    report: &mut Report,
) -> Result<BTreeSet<String>, ConnectorError> {
    let names: Vec<_> = objects.iter().map(|object| soql::quoted(&object.object)).collect();
    let statement = format!(
        "SELECT SobjectType FROM ObjectPermissions WHERE ParentId IN ({sets}) AND PermissionsViewAllRecords = true AND SobjectType IN ({})",
        names.join(", ")
    );
    let answer = rest.rows(Api::Data, &statement).await;
    let rows = report.answered("permissions", Some("View All"), answer)?.unwrap_or_default();
    Ok(rows.iter().filter_map(|row| row["SobjectType"].as_str()).map(str::to_owned).collect())
}

async fn limits(rest: &Rest, has_change_events: bool, report: &mut Report) -> Result<(), ConnectorError> {
    let answer = rest.get_json("/limits").await;
    let Some(limits) = report.answered("limits", None, answer)? else { return Ok(()) };
    let mut checked = vec![
        ("DailyApiRequests", "API calls", "See which other integrations call the org, or buy more API calls."),
        ("DailyBulkV2QueryJobs", "Bulk query jobs", "See which other integrations run bulk queries."),
    ];
    if has_change_events {
        checked.push((
            "DailyDeliveredPlatformEvents",
            "event deliveries",
            "See which other subscribers listen to events, or buy the add-on; Syncline asks for changes meanwhile.",
        ));
    }
    for (name, label, remedy) in checked {
        let number = |of: &str| limits[name][of].as_u64();
        let Some((max, left)) = number("Max").zip(number("Remaining")).filter(|(max, _)| *max > 0) else { continue };
        let message = format!("{left} of {max} {label} of the last 24 hours are left.");
        if left == 0 {
            report.problem("limits", Some(label), message, remedy);
        } else if left < max / LOW_PART {
            report.warning("limits", Some(label), message, remedy);
        } else {
            report.good("limits", Some(label), message);
        }
    }
    Ok(())
}

/// Which objects Change Data Capture is selected for, in any channel: an object counts once.
async fn selection(rest: &Rest, objects: &[ExaminedObject], report: &mut Report) -> Result<(), ConnectorError> {
    let answer = rest.rows(Api::Tooling, "SELECT SelectedEntity FROM PlatformEventChannelMember").await;
    let Some(members) = report.answered("change_data_capture", None, answer)? else { return Ok(()) };
    let selected: BTreeSet<String> = members.iter().filter_map(selected_object).collect();
    let is_selected = |name: &str| selected.iter().any(|known| known.eq_ignore_ascii_case(name));
    let mut names: BTreeSet<&str> = objects.iter().map(|object| object.object.as_str()).collect();
    let is_of_people = |object: &ExaminedObject| {
        let fields = object.read.iter().chain(&object.written).chain([&object.key_field]);
        needs_contacts(&object.object, fields)
    };
    let is_for_accounts = objects.iter().any(is_of_people) && names.insert(CONTACT);
    let (streamed, missing): (Vec<&str>, Vec<&str>) = names.into_iter().partition(|name| is_selected(name));
    for name in streamed {
        report.good("change_data_capture", Some(name), "Change Data Capture is selected for it.");
    }
    for name in missing {
        let is_full = selected.len() >= CAPTURED_MAX;
        let taken = counted(selected.len(), "object is", "objects are");
        let (why, whose) = match is_for_accounts && name == CONTACT {
            true => ("Changes of person accounts are told of in full only with it. ", "changes of accounts"),
            false => ("", "its changes"),
        };
        let message = match is_full {
            true => format!(
                "{why}Change Data Capture is not selected for it, and {taken} selected, which is all that an org has without the \
                 add-on: Syncline asks for {whose}."
            ),
            false => format!("{why}Change Data Capture is not selected for it yet."),
        };
        let remedy = match is_full {
            true => "Deselect objects that nobody listens to (Setup, Change Data Capture), or buy the add-on.",
            false => {
                "Nothing, if Syncline may do it (Customize Application); otherwise select it in Setup, Change Data Capture."
            }
        };
        report.warning("change_data_capture", Some(name), message, remedy);
    }
    Ok(())
}

/// `AccountChangeEvent`, `Invoice__ChangeEvent`: the object that the events are of.
fn selected_object(member: &Json) -> Option<String> {
    let event = member["SelectedEntity"].as_str()?;
    let name = event.strip_suffix("ChangeEvent")?;
    Some(if name.ends_with("__") { format!("{name}c") } else { name.to_owned() })
}
