//! The bytes of a published platform event as values, or what is wrong with them.
//!
//! A publisher may send anything: every read is checked against what is left.

use super::schema::{AvroType, EventField, EventSchema};
use crate::core::{FieldIndex, FieldType, FieldValue, ObjectSchema};

const MS_PER_DAY: i64 = 86_400_000;

/// The values of an event that was written by this schema of its object, by field.
pub(crate) fn decode(
    payload: &[u8],
    schema: &EventSchema,
    object: &ObjectSchema,
) -> Result<Vec<(FieldIndex, FieldValue)>, String> {
    let mut reader = AvroReader { rest: payload };
    let mut values = Vec::new();
    for field in &schema.fields {
        let (index, avro_type) = match field {
            EventField::Demanded(index, avro_type) => (*index, *avro_type),
            EventField::Plain(index, avro_type) => match reader.long()? {
                0 => continue,
                1 => (*index, *avro_type),
                branch => return Err(format!("a union has no branch {branch}")),
            },
            EventField::Compound(_) | EventField::Switchable(..) => {
                return Err("platform events have no compound fields".to_owned());
            }
        };
        let value = reader.value(avro_type, object.field(index).field_type)?;
        values.push((index, value));
    }
    if reader.rest.is_empty() { Ok(values) } else { Err("there are bytes after the event".to_owned()) }
}

/// Avro's binary forms (Avro specification, "Binary Encoding").
struct AvroReader<'p> {
    rest: &'p [u8],
}

impl<'p> AvroReader<'p> {
    fn take(&mut self, count: usize) -> Result<&'p [u8], String> {
        let (taken, rest) = self.rest.split_at_checked(count).ok_or("the event ends too early")?;
        self.rest = rest;
        Ok(taken)
    }

    fn long(&mut self) -> Result<i64, String> {
        let mut value = 0u64;
        for shift in (0..64).step_by(7) {
            let byte = self.take(1)?[0];
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok((value >> 1) as i64 ^ -((value & 1) as i64));
            }
        }
        Err("a number has too many bytes".to_owned())
    }

    fn value(&mut self, avro_type: AvroType, field_type: FieldType) -> Result<FieldValue, String> {
        Ok(match avro_type {
            AvroType::String => {
                let length = usize::try_from(self.long()?).map_err(|_| "a text has a negative length")?;
                FieldValue::text(std::str::from_utf8(self.take(length)?).map_err(|_| "a text is not UTF-8")?)
            }
            AvroType::Boolean => match self.take(1)?[0] {
                0 => FieldValue::Boolean(false),
                1 => FieldValue::Boolean(true),
                other => return Err(format!("{other} is no boolean")),
            },
            AvroType::Int => match self.long()? {
                value if i32::try_from(value).is_ok() => FieldValue::Integer(value),
                _ => return Err("a number has more than 32 bits".to_owned()),
            },
            AvroType::Long if field_type == FieldType::Date => {
                let days = self.long()?.div_euclid(MS_PER_DAY);
                FieldValue::Date(i32::try_from(days).map_err(|_| "a date is out of range")?)
            }
            AvroType::Long if field_type == FieldType::Time => {
                FieldValue::Time(i32::try_from(self.long()?).map_err(|_| "a time of day is out of range")?)
            }
            AvroType::Long => FieldValue::DateTime(self.long()?),
            AvroType::Double => {
                let bytes = self.take(8)?.try_into().map_err(|_| "a number has eight bytes")?;
                FieldValue::Number(f64::from_le_bytes(bytes))
            }
        })
    }
}
