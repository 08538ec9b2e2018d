//! Why a write of one record was refused, in Salesforce's own codes and words.

/// One refused row. The REST API shows it as `errorCode` in an array, Collections as `statusCode` in the row's result.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{code}: {message}")]
pub struct WriteError {
    /// Salesforce's status code, such as `STRING_TOO_LONG`.
    pub code: &'static str,
    /// The message in Salesforce's form.
    pub message: String,
    /// API names of the fields at fault; often empty.
    pub fields: Vec<String>,
}

impl WriteError {
    /// An error that names no field.
    pub fn new(code: &'static str, message: impl Into<String>) -> WriteError {
        WriteError { code, message: message.into(), fields: Vec::new() }
    }

    /// An error at one field.
    pub fn at(code: &'static str, field: &str, message: impl Into<String>) -> WriteError {
        WriteError { code, message: message.into(), fields: vec![field.to_owned()] }
    }

    pub(crate) fn deleted() -> WriteError {
        WriteError::new("ENTITY_IS_DELETED", "entity is deleted")
    }

    /// What a row says that was fine, where others were not and all or none was asked for.
    pub(crate) fn rolled_back() -> WriteError {
        WriteError::new(
            "ALL_OR_NONE_OPERATION_ROLLED_BACK",
            "Record rolled back because not all records were valid and the request was using AllOrNone header",
        )
    }

    pub(crate) fn missing(fields: Vec<String>) -> WriteError {
        let message = format!("Required fields are missing: [{}]", fields.join(", "));
        WriteError { code: "REQUIRED_FIELD_MISSING", message, fields }
    }

    pub(crate) fn not_writeable(fields: Vec<String>) -> WriteError {
        let message = format!(
            "Unable to create/update fields: {}. Please check the security settings of this field and verify that it is \
             read/write for your profile or permission set.",
            fields.join(", ")
        );
        WriteError { code: "INVALID_FIELD_FOR_INSERT_UPDATE", message, fields }
    }

    /// A converted lead can be read and deleted.
    pub(crate) fn converted() -> WriteError {
        WriteError::new("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead")
    }

    pub(crate) fn no_such_record() -> WriteError {
        WriteError::new("INVALID_CROSS_REFERENCE_KEY", "invalid cross reference id")
    }

    pub(crate) fn no_such_column(column: &str, object: &str) -> WriteError {
        WriteError::new("INVALID_FIELD", format!("No such column '{column}' on sobject of type {object}"))
    }
}
