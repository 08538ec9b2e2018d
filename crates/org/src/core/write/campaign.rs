//! What a campaign counts: its members, and the opportunities that came of it (Object reference, Campaign).

use crate::core::org::Org;
use crate::core::row::Row;
use crate::core::table::Table;
use crate::core::transaction::Transaction;
use crate::core::value::FieldValue;

/// What a row adds to its campaign, by field.
fn contribution(table: &Table, row: Option<&Row>) -> Option<(String, Vec<(&'static str, f64)>)> {
    let row = row.filter(|row| !table.is_deleted(row))?;
    let campaign = table.text(row, "CampaignId")?.to_owned();
    let when = |holds: bool, field: &'static str, amount: f64| (field, if holds { amount } else { 0.0 });
    let counted = match table.schema.name.as_str() {
        "CampaignMember" => {
            let (lead, contact) = (table.text(row, "LeadId").is_some(), table.text(row, "ContactId").is_some());
            vec![
                when(lead, "NumberOfLeads", 1.0),
                when(lead && contact, "NumberOfConvertedLeads", 1.0),
                when(contact, "NumberOfContacts", 1.0),
                when(table.is_checked(row, "HasResponded"), "NumberOfResponses", 1.0),
            ]
        }
        _ => {
            let amount = match table.schema.index_of("Amount").map(|index| row.get(index)) {
                Some(FieldValue::Number(amount)) => amount,
                _ => 0.0,
            };
            let won = table.is_checked(row, "IsWon");
            vec![
                when(true, "NumberOfOpportunities", 1.0),
                when(won, "NumberOfWonOpportunities", 1.0),
                when(true, "AmountAllOpportunities", amount),
                when(won, "AmountWonOpportunities", amount),
            ]
        }
    };
    Some((campaign, counted))
}

impl Org {
    /// Whether rows of a table are counted by campaigns.
    pub(super) fn is_counted(&self, table: usize) -> bool {
        matches!(self.tables[table].schema.name.as_str(), "CampaignMember" | "Opportunity")
    }

    /// Brings campaigns up to date after a row that they count changed.
    pub(super) fn count_for_campaigns(
        &mut self,
        touched: &mut Transaction,
        table: usize,
        before: Option<&Row>,
        after: Option<&Row>,
    ) {
        let own = &self.tables[table];
        let (was, is) = (contribution(own, before), contribution(own, after));
        if was == is {
            return;
        }
        for (contribution, sign) in [(was, -1.0), (is, 1.0)] {
            let Some((campaign, counted)) = contribution else { continue };
            let Some((campaigns, slot)) = self.locate(&campaign) else { continue };
            let own = &self.tables[campaigns];
            let Some(before) = own.row(slot) else { continue };
            let mut row = before.unpack();
            for (field, amount) in counted {
                let Some(index) = own.schema.index_of(field) else { continue };
                let value = match row.get(index) {
                    FieldValue::Integer(count) => FieldValue::Integer(count + (sign * amount) as i64),
                    FieldValue::Number(sum) => FieldValue::Number(sum + sign * amount),
                    _ => continue,
                };
                row.set(index, value);
            }
            self.store(touched, campaigns, slot, Some(row.pack()));
        }
    }
}
