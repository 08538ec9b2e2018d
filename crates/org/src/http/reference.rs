//! References among the parts of a composite request: `@{newAccount.id}`, `@{found.records[0].Id}`.

use std::collections::HashMap;

use serde_json::Value;

/// What the parts so far were answered, by their reference ids.
#[derive(Debug, Default)]
pub(super) struct References(HashMap<String, Value>);

/// A reference that leads nowhere.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error("Invalid reference specified. No value for {path} found in {reference}")]
pub(super) struct Missing {
    path: String,
    reference: String,
}

impl References {
    pub(super) fn insert(&mut self, reference: &str, answer: &Value) {
        self.0.insert(reference.to_owned(), answer.clone());
    }

    /// The same JSON with values for references. A text that is nothing but a reference becomes what it refers to.
    pub(super) fn resolve(&self, value: &Value) -> Result<Value, Missing> {
        match value {
            Value::String(text) => match text.strip_prefix("@{").and_then(|rest| rest.strip_suffix('}')) {
                Some(path) if !path.contains('}') => self.look_up(path).cloned(),
                _ => self.resolve_text(text).map(Value::String),
            },
            Value::Array(items) => items.iter().map(|item| self.resolve(item)).collect(),
            Value::Object(fields) => {
                let resolved = fields.iter().map(|(name, value)| Ok((name.clone(), self.resolve(value)?)));
                Ok(Value::Object(resolved.collect::<Result<_, _>>()?))
            }
            _ => Ok(value.clone()),
        }
    }

    /// The same text with the values of references in their places.
    pub(super) fn resolve_text(&self, text: &str) -> Result<String, Missing> {
        let mut resolved = String::with_capacity(text.len());
        let mut rest = text;
        while let Some(start) = rest.find("@{") {
            let Some(length) = rest[start..].find('}') else { break };
            resolved.push_str(&rest[..start]);
            match self.look_up(&rest[start + 2..start + length])? {
                Value::String(text) => resolved.push_str(text),
                other => resolved.push_str(&other.to_string()),
            }
            rest = &rest[start + length + 1..];
        }
        resolved.push_str(rest);
        Ok(resolved)
    }

    fn look_up(&self, path: &str) -> Result<&Value, Missing> {
        let (reference, _) = path.split_once(['.', '[']).unwrap_or((path, ""));
        let missing = || Missing { path: path.to_owned(), reference: reference.to_owned() };
        let mut value = self.0.get(reference).ok_or_else(missing)?;
        for step in path[reference.len()..].split(['.', '[']).filter(|step| !step.is_empty()) {
            value = match step.strip_suffix(']') {
                Some(index) => index.parse::<usize>().ok().and_then(|index| value.get(index)),
                None => value.get(step),
            }
            .ok_or_else(missing)?;
        }
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn references_reach_into_answers() {
        let mut references = References::default();
        references.insert("made", &json!({ "id": "001x", "success": true }));
        references.insert("found", &json!({ "records": [{ "Id": "003a", "Account": { "Rating": 5 } }] }));
        let asked = json!({
            "AccountId": "@{made.id}", "Description": "of @{made.id} and @{found.records[0].Id}",
            "Rating": "@{found.records[0].Account.Rating}", "Title": "a@{b", "list": ["@{made.success}"],
        });
        let expected = json!({
            "AccountId": "001x", "Description": "of 001x and 003a", "Rating": 5, "Title": "a@{b", "list": [true],
        });
        assert_eq!(references.resolve(&asked), Ok(expected));
        assert_eq!(references.resolve_text("/x/@{found.records[0].Id}?q=@{made.id}"), Ok("/x/003a?q=001x".to_owned()));
        for missing in ["@{other.id}", "@{made.Id}", "@{found.records[1].Id}", "@{found.records[x].Id}", "@{}"] {
            assert!(references.resolve(&json!(missing)).is_err(), "{missing}");
        }
        let words = "Invalid reference specified. No value for other.id found in other";
        assert_eq!(references.resolve_text("@{other.id}").unwrap_err().to_string(), words);
    }
}
