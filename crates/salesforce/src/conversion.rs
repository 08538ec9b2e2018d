//! Converted leads. A lead that has become a contact stays in Salesforce, and nobody may change it any more: to whoever syncs it is
//! gone, as if it were deleted. Reads leave it out, and news of its conversion is news of its end. (Object reference, Lead; SOAP API
//! guide, `convertLead()`.)

use syncline_model::{
    connector::{ConnectorError, ErrorKind},
    schema::ObjectSchema,
};

/// The field that says so. Of all objects that are synced only leads have it.
pub(crate) const IS_CONVERTED: &str = "IsConverted";

/// The condition of a query that leaves converted leads out; `None` where there are none, or where the connected user can not tell.
pub(crate) fn unconverted(schema: &ObjectSchema) -> Option<&'static str> {
    schema.field(IS_CONVERTED).map(|_| "IsConverted = false")
}

/// A refusal of a lead because it was converted is the news of that, but for whoever can not tell: they would find it again.
pub(crate) fn understood(mut refusal: ConnectorError, schema: Option<&ObjectSchema>) -> ConnectorError {
    if refusal.code == "CANNOT_UPDATE_CONVERTED_LEAD" && schema.is_some_and(|schema| unconverted(schema).is_some()) {
        refusal.kind = ErrorKind::RecordGone;
    }
    refusal
}
