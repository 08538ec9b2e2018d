//! What a line of a mapping makes of a value: its options, on top of the normal forms in [`crate::convert`]. What comes out is
//! in normal form, so that it can be compared with what the target has.

use unicode_segmentation::UnicodeSegmentation;

use crate::{
    Value,
    attribute::DataType,
    convert::{self, Misfit, text_of, utf16_length},
    mapping::{Empty, FieldMapping},
    schema::{FieldSchema, FieldType},
};

/// What stands where a text was cut.
const CUT: char = '…';

impl FieldMapping {
    /// A line without options.
    pub fn new(from: impl Into<String>, to: impl Into<String>) -> Self {
        Self { from: from.into(), to: to.into(), ..Self::default() }
    }

    /// What the attribute is to be, in normal form; `None` where it is to stay as it is.
    ///
    /// # Errors
    /// Where the value has no such form, or the line's value map does not name it.
    pub fn to_attribute(&self, value: &Value, data_type: DataType) -> Result<Option<Value>, Misfit> {
        let wanted = self.or_when_empty(self.looked_up(value)?);
        wanted.map(|value| convert::to_attribute(&value, data_type)).transpose()
    }

    /// What the field is to be, in normal form; `None` where it is to stay as it is.
    ///
    /// # Errors
    /// Where Salesforce would refuse the value, or the line's value map does not name it.
    pub fn to_field(&self, value: &Value, field: &FieldSchema) -> Result<Option<Value>, Misfit> {
        let Some(value) = self.or_when_empty(self.looked_up(value)?) else { return Ok(None) };
        match field.length {
            Some(length) if self.truncate && can_be_cut(field.field_type) => {
                convert::to_field(&Value::text(cut(&text_of(&value), length as usize)), field)
            }
            _ => convert::to_field(&value, field),
        }
        .map(Some)
    }

    /// The value by the line's value map; null where the source has none. Of a list each item is looked up.
    ///
    /// # Errors
    /// Where the map does not name the value.
    pub fn looked_up(&self, value: &Value) -> Result<Value, Misfit> {
        if convert::is_blank(value) {
            return Ok(Value::Null);
        }
        if self.values.is_empty() {
            return Ok(value.clone());
        }
        let look_up = |text: &str| match self.values.get(text.trim()).or(self.otherwise.as_ref()) {
            Some(found) => Ok(found.clone()),
            None => Err(Misfit::new("the line's value map does not name it")),
        };
        let Value::List(items) = value else { return look_up(&value.to_string()).map(Value::text) };
        let mut found: Vec<String> = Vec::with_capacity(items.len());
        for item in items {
            let item = look_up(item)?;
            if !item.is_empty() && !found.contains(&item) {
                found.push(item);
            }
        }
        Ok(if found.is_empty() { Value::Null } else { Value::List(found) })
    }

    /// What the target is to be where the source has no value; `None` where it is to stay as it is.
    pub fn when_empty(&self) -> Option<Value> {
        match self.empty {
            Empty::Clear => Some(Value::Null),
            Empty::Keep => None,
            Empty::Default => Some(self.default.clone()),
        }
    }

    fn or_when_empty(&self, value: Value) -> Option<Value> {
        if value.is_null() { self.when_empty() } else { Some(value) }
    }
}

/// Whether a text that is too long for a field of that type still means something when it is cut.
pub fn can_be_cut(field_type: FieldType) -> bool {
    matches!(field_type, FieldType::String | FieldType::TextArea)
}

/// The text, cut where it is longer than that many UTF-16 units: between two characters as a reader sees them, and marked.
fn cut(text: &str, length: usize) -> String {
    if utf16_length(text) <= length {
        return text.to_owned();
    }
    let mut room = length.saturating_sub(CUT.len_utf16());
    let mut end = 0;
    for (at, character) in text.grapheme_indices(true) {
        let Some(left) = room.checked_sub(utf16_length(character)) else { break };
        room = left;
        end = at + character.len();
    }
    let mut kept = text[..end].trim_end().to_owned();
    kept.push(CUT);
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Number;

    fn text_field(field_type: FieldType, length: u32) -> FieldSchema {
        FieldSchema {
            name: "Text__c".into(),
            label: "Text".into(),
            field_type,
            length: Some(length),
            scale: None,
            updateable: true,
            nillable: true,
            custom: true,
            calculated: false,
            restricted_to: Vec::new(),
            reference_to: Vec::new(),
            relationship: None,
        }
    }

    fn with_values(pairs: &[(&str, &str)]) -> FieldMapping {
        let values = pairs.iter().map(|(from, to)| ((*from).to_owned(), (*to).to_owned())).collect();
        FieldMapping { values, ..FieldMapping::new("a", "b") }
    }

    #[test]
    fn a_source_without_value_clears_keeps_or_sets_the_default() {
        let line = |empty| FieldMapping { empty, default: "none".into(), ..FieldMapping::new("a", "b") };
        let field = text_field(FieldType::String, 10);
        for blank in [Value::Null, Value::Text("  ".into()), Value::List(vec![String::new()])] {
            for (empty, expected) in
                [(Empty::Clear, Some(Value::Null)), (Empty::Keep, None), (Empty::Default, Some("none".into()))]
            {
                assert_eq!(line(empty).to_field(&blank, &field), Ok(expected.clone()), "{blank:?} {empty:?}");
                assert_eq!(line(empty).to_attribute(&blank, DataType::String), Ok(expected), "{blank:?} {empty:?}");
            }
        }
        assert_eq!(line(Empty::Default).to_field(&"x".into(), &field), Ok(Some("x".into())));
    }

    #[test]
    fn several_values_become_one_and_one_that_is_not_named_is_a_misfit() {
        let mut line = with_values(&[("Hot", "high"), ("Warm", "high"), ("Cold", "low"), ("None", "")]);
        let attribute = |line: &FieldMapping, value: &str| line.to_attribute(&value.into(), DataType::String);
        assert_eq!(attribute(&line, "Hot"), Ok(Some("high".into())));
        assert_eq!(attribute(&line, " Warm "), Ok(Some("high".into())));
        assert_eq!(attribute(&line, "None"), Ok(Some(Value::Null)));
        assert!(attribute(&line, "Tepid").unwrap_err().to_string().contains("value map"));
        let list = Value::List(vec!["Hot".into(), "Warm".into(), "None".into(), "Cold".into()]);
        let mapped = line.to_attribute(&list, DataType::List);
        assert_eq!(mapped, Ok(Some(Value::List(vec!["high".into(), "low".into()]))));

        line.otherwise = Some("other".into());
        assert_eq!(attribute(&line, "Tepid"), Ok(Some("other".into())));
        line.empty = Empty::Keep;
        assert_eq!(attribute(&line, "None"), Ok(None), "what is mapped to nothing has no value");
    }

    #[test]
    fn numbers_and_check_boxes_are_looked_up_as_they_are_written() {
        let line = with_values(&[("1", "one"), ("true", "yes"), ("false", "no")]);
        let one = Value::Number(Number::new(1.0).unwrap());
        assert_eq!(line.to_attribute(&one, DataType::String), Ok(Some("one".into())));
        assert_eq!(line.to_attribute(&true.into(), DataType::String), Ok(Some("yes".into())));
        let misfit = line.to_attribute(&false.into(), DataType::Boolean).unwrap_err();
        assert_eq!(misfit.to_string(), "the text is neither `true` nor `false`");
    }

    #[test]
    fn a_text_is_cut_only_if_asked_for_between_characters_and_marked() {
        let field = text_field(FieldType::String, 6);
        let plain = FieldMapping::new("a", "b");
        let cutting = FieldMapping { truncate: true, ..plain.clone() };
        assert!(plain.to_field(&"seven….".into(), &field).is_err());
        for (text, expected) in [
            ("  sixsix ", "sixsix"),
            ("seven77", "seven…"),
            ("four rest", "four…"),
            // A family is one character of 8 UTF-16 units; a flag one of 4; e and its accent one of 2.
            ("ab👨‍👩‍👧 and more", "ab…"),
            ("a🇨🇭🇨🇭", "a🇨🇭…"),
            ("abcde\u{301}fgh", "abcd…"),
        ] {
            let cut = cutting.to_field(&text.into(), &field).unwrap().unwrap();
            assert_eq!(cut, expected.into(), "{text}");
            assert_eq!(cutting.to_field(&cut, &field), Ok(Some(cut.clone())), "twice");
        }
        let e_mail = text_field(FieldType::Email, 6);
        assert!(cutting.to_field(&"ada@example.com".into(), &e_mail).is_err(), "an address that is cut is another one");
    }
}
