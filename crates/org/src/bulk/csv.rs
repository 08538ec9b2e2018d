//! CSV as the Bulk API speaks it: RFC 4180 with a choice of delimiter and line ending. It knows bytes and text, no records.

use std::borrow::Cow;

use crate::core::value::{FieldRef, FieldValue, civil_from_days, format_time};

/// Longest header row (Bulk API 2.0 guide, limits of CSV files).
pub(crate) const HEADER_CHARS_MAX: usize = 32_000;
const MINUTE_MS: i64 = 60_000;
const DAY_MS: i64 = 86_400_000;

/// What ends a row.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum LineEnding {
    #[default]
    Lf,
    Crlf,
}

impl LineEnding {
    pub(crate) const ALL: [(LineEnding, &str); 2] = [(LineEnding::Lf, "LF"), (LineEnding::Crlf, "CRLF")];
}

/// What stands between two fields.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Delimiter {
    #[default]
    Comma,
    Tab,
    Semicolon,
    Pipe,
    Caret,
    Backquote,
}

impl Delimiter {
    pub(crate) const ALL: [(Delimiter, &str); 6] = [
        (Delimiter::Comma, "COMMA"),
        (Delimiter::Tab, "TAB"),
        (Delimiter::Semicolon, "SEMICOLON"),
        (Delimiter::Pipe, "PIPE"),
        (Delimiter::Caret, "CARET"),
        (Delimiter::Backquote, "BACKQUOTE"),
    ];

    fn byte(self) -> u8 {
        match self {
            Delimiter::Comma => b',',
            Delimiter::Tab => b'\t',
            Delimiter::Semicolon => b';',
            Delimiter::Pipe => b'|',
            Delimiter::Caret => b'^',
            Delimiter::Backquote => b'`',
        }
    }
}

/// The dialect of one job.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct CsvFormat {
    pub(crate) delimiter: Delimiter,
    pub(crate) line_ending: LineEnding,
}

impl CsvFormat {
    pub(crate) fn line_ending_name(self) -> &'static str {
        name_in(&LineEnding::ALL, self.line_ending)
    }

    pub(crate) fn delimiter_name(self) -> &'static str {
        name_in(&Delimiter::ALL, self.delimiter)
    }
}

fn name_in<T: PartialEq + Copy>(all: &[(T, &'static str)], wanted: T) -> &'static str {
    all.iter().find(|(own, _)| *own == wanted).map_or("", |(_, name)| name)
}

/// Why text is not CSV of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CsvFault {
    /// A row ends otherwise than the job says.
    LineEnding,
    /// A quoted field does not end, or something follows its end.
    Quote,
}

/// Takes rows off the front of a text.
#[derive(Clone, Debug)]
pub(crate) struct CsvReader<'a> {
    text: &'a str,
    at: usize,
    delimiter: u8,
    line_ending: LineEnding,
}

impl<'a> CsvReader<'a> {
    /// Reads a file from its beginning: a byte order mark is passed over.
    pub(crate) fn new(text: &'a str, format: CsvFormat) -> CsvReader<'a> {
        let mut reader = CsvReader::amid(text, format);
        reader.at = if text.starts_with('\u{feff}') { '\u{feff}'.len_utf8() } else { 0 };
        reader
    }

    /// Reads rows from somewhere in a file.
    pub(crate) fn amid(text: &'a str, format: CsvFormat) -> CsvReader<'a> {
        CsvReader { text, at: 0, delimiter: format.delimiter.byte(), line_ending: format.line_ending }
    }

    /// How much of the text has been taken, in bytes.
    pub(crate) fn position(&self) -> usize {
        self.at
    }

    /// Puts the next row's fields into `fields`; false at the end. Rows without any character are passed over.
    pub(crate) fn read(&mut self, fields: &mut Vec<Cow<'a, str>>) -> Result<bool, CsvFault> {
        fields.clear();
        while let Some(length) = self.line_end()? {
            self.at += length;
        }
        if self.at >= self.text.len() {
            return Ok(false);
        }
        loop {
            fields.push(self.field()?);
            if self.peek() == Some(self.delimiter) {
                self.at += 1;
                continue;
            }
            self.at += self.line_end()?.unwrap_or(0);
            return Ok(true);
        }
    }

    fn field(&mut self) -> Result<Cow<'a, str>, CsvFault> {
        if self.peek() == Some(b'"') {
            return self.quoted();
        }
        let start = self.at;
        while let Some(byte) = self.peek() {
            if byte == self.delimiter || (matches!(byte, b'\n' | b'\r') && self.line_end()?.is_some()) {
                break;
            }
            self.at += 1;
        }
        Ok(Cow::Borrowed(&self.text[start..self.at]))
    }

    fn quoted(&mut self) -> Result<Cow<'a, str>, CsvFault> {
        self.at += 1;
        let mut value = Cow::Borrowed("");
        loop {
            let rest = &self.text[self.at..];
            let end = rest.find('"').ok_or(CsvFault::Quote)?;
            if value.is_empty() {
                value = Cow::Borrowed(&rest[..end]);
            } else {
                value.to_mut().push_str(&rest[..end]);
            }
            self.at += end + 1;
            if self.peek() == Some(b'"') {
                value.to_mut().push('"');
                self.at += 1;
                continue;
            }
            let ends = self.peek().is_none_or(|byte| byte == self.delimiter) || self.line_end()?.is_some();
            return if ends { Ok(value) } else { Err(CsvFault::Quote) };
        }
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    /// The length of the line ending that stands here, if one does.
    fn line_end(&self) -> Result<Option<usize>, CsvFault> {
        let bytes = &self.text.as_bytes()[self.at..];
        match (bytes, self.line_ending) {
            ([b'\n', ..], LineEnding::Lf) => Ok(Some(1)),
            ([b'\r', b'\n', ..], LineEnding::Crlf) => Ok(Some(2)),
            ([b'\r', b'\n', ..], LineEnding::Lf) | ([b'\n', ..], LineEnding::Crlf) => Err(CsvFault::LineEnding),
            _ => Ok(None),
        }
    }
}

/// Writes rows, every field in quotes, as Salesforce does.
#[derive(Debug)]
pub(crate) struct CsvWriter {
    bytes: Vec<u8>,
    format: CsvFormat,
    in_row: bool,
}

impl CsvWriter {
    pub(crate) fn new(format: CsvFormat) -> CsvWriter {
        CsvWriter { bytes: Vec::new(), format, in_row: false }
    }

    fn begin_field(&mut self) {
        if self.in_row {
            self.bytes.push(self.format.delimiter.byte());
        }
        self.in_row = true;
    }

    pub(crate) fn text(&mut self, text: &str) {
        self.begin_field();
        self.bytes.push(b'"');
        if text.as_bytes().contains(&b'"') {
            for part in text.split_inclusive('"') {
                self.bytes.extend_from_slice(part.as_bytes());
                if part.ends_with('"') {
                    self.bytes.push(b'"');
                }
            }
        } else {
            self.bytes.extend_from_slice(text.as_bytes());
        }
        self.bytes.push(b'"');
    }

    /// A stored value in the form of the Bulk API: datetimes end in `.000Z`, no value is an empty field.
    pub(crate) fn value(&mut self, value: FieldRef<'_>) {
        use std::io::Write as _;
        match value {
            FieldValue::Null => self.text(""),
            FieldValue::Text(text) => self.text(text),
            FieldValue::Time(ms) => self.text(&format_time(ms)),
            FieldValue::Boolean(value) => self.text(if value { "true" } else { "false" }),
            other => {
                self.begin_field();
                self.bytes.push(b'"');
                let written = match other {
                    FieldValue::Integer(value) => write!(self.bytes, "{value}"),
                    // The same digits as in JSON: a whole amount has a fraction of zero.
                    FieldValue::Number(value) => write!(self.bytes, "{value:?}"),
                    FieldValue::Date(days) => {
                        self.date(days);
                        Ok(())
                    }
                    FieldValue::DateTime(ms) => {
                        self.date(i32::try_from(ms.div_euclid(DAY_MS)).unwrap_or(0));
                        self.clock(ms.rem_euclid(DAY_MS));
                        Ok(())
                    }
                    FieldValue::Null | FieldValue::Text(_) | FieldValue::Boolean(_) | FieldValue::Time(_) => Ok(()),
                };
                written.expect("writing to memory does not fail");
                self.bytes.push(b'"');
            }
        }
    }

    fn date(&mut self, days: i32) {
        let (year, month, day) = civil_from_days(days);
        self.two_digits(year / 100);
        self.two_digits(year % 100);
        self.bytes.push(b'-');
        self.two_digits(month);
        self.bytes.push(b'-');
        self.two_digits(day);
    }

    fn clock(&mut self, within_ms: i64) {
        let part = |number: i64| i32::try_from(number).unwrap_or(0);
        self.bytes.push(b'T');
        self.two_digits(part(within_ms / (60 * MINUTE_MS)));
        self.bytes.push(b':');
        self.two_digits(part(within_ms / MINUTE_MS % 60));
        self.bytes.push(b':');
        self.two_digits(part(within_ms / 1000 % 60));
        // Instants are stored in whole seconds.
        self.bytes.extend_from_slice(b".000Z");
    }

    fn two_digits(&mut self, number: i32) {
        let number = number.rem_euclid(100);
        self.bytes.extend([number / 10, number % 10].map(|digit| b'0' + u8::try_from(digit).unwrap_or(0)));
    }

    pub(crate) fn end_row(&mut self) {
        self.bytes.extend_from_slice(match self.format.line_ending {
            LineEnding::Lf => b"\n",
            LineEnding::Crlf => b"\r\n",
        });
        self.in_row = false;
    }

    pub(crate) fn row<'t>(&mut self, fields: impl IntoIterator<Item = &'t str>) {
        fields.into_iter().for_each(|field| self.text(field));
        self.end_row();
    }

    /// Bytes written since they were last taken.
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    /// Takes what was written.
    pub(crate) fn take(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.bytes)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::core::value::{format_datetime, parse_datetime};

    fn rows(text: &str, format: CsvFormat) -> Result<Vec<Vec<String>>, CsvFault> {
        let mut reader = CsvReader::new(text, format);
        let (mut fields, mut rows) = (Vec::new(), Vec::new());
        while reader.read(&mut fields)? {
            rows.push(fields.iter().map(|field| field.to_string()).collect());
        }
        Ok(rows)
    }

    fn comma() -> CsvFormat {
        CsvFormat::default()
    }

    fn any_format() -> impl Strategy<Value = CsvFormat> {
        (0..6usize, 0..2usize).prop_map(|(delimiter, line_ending)| CsvFormat {
            delimiter: Delimiter::ALL[delimiter].0,
            line_ending: LineEnding::ALL[line_ending].0,
        })
    }

    #[test]
    fn quotes_delimiters_and_line_breaks_stay_within_their_field() {
        let text = "\u{feff}A,B\n\"x,\"\"y\"\"\n\", z \n\n,\"\"\nlast,é";
        let expected = vec![vec!["A", "B"], vec!["x,\"y\"\n", " z "], vec!["", ""], vec!["last", "é"]];
        assert_eq!(rows(text, comma()).unwrap(), expected);
    }

    #[test]
    fn line_endings_must_be_those_of_the_job() {
        let crlf = CsvFormat { line_ending: LineEnding::Crlf, ..comma() };
        assert_eq!(rows("A,B\r\n1,2\r\n", comma()), Err(CsvFault::LineEnding));
        assert_eq!(rows("A,B\n1,2\n", crlf), Err(CsvFault::LineEnding));
        assert_eq!(rows("A,B\r\n\"1\n\",2", crlf).unwrap(), [["A", "B"], ["1\n", "2"]]);
        assert_eq!(rows("\"A\nB", comma()), Err(CsvFault::Quote));
        assert_eq!(rows("\"A\"B\n", comma()), Err(CsvFault::Quote));
    }

    #[test]
    fn values_have_the_form_of_the_bulk_api() {
        let mut writer = CsvWriter::new(comma());
        writer.value(FieldValue::DateTime(1_309_999_020_000));
        writer.value(FieldValue::Date(-1));
        writer.value(FieldValue::Time(49_500_000));
        writer.value(FieldValue::Boolean(true));
        writer.value(FieldValue::Integer(-7));
        writer.value(FieldValue::Number(1_250_000.0));
        writer.value(FieldValue::Null);
        writer.end_row();
        let written = String::from_utf8(writer.take()).unwrap();
        assert_eq!(
            written,
            "\"2011-07-07T00:37:00.000Z\",\"1969-12-31\",\"13:45:00.000Z\",\"true\",\"-7\",\"1250000.0\",\"\"\n"
        );
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(
            format in any_format(),
            table in prop::collection::vec(prop::collection::vec("[\\PC\r\n\"]{0,12}", 1..6), 0..8)
        ) {
            let mut writer = CsvWriter::new(format);
            table.iter().for_each(|row| writer.row(row.iter().map(String::as_str)));
            let text = String::from_utf8(writer.take()).unwrap();
            prop_assert_eq!(rows(&text, format), Ok(table));
        }

        #[test]
        fn no_text_makes_the_reader_panic(format in any_format(), text in "[\"\r\n,;|^`\t aé\u{feff}]{0,40}") {
            let _ = rows(&text, format);
        }

        #[test]
        fn instants_are_written_as_rest_writes_them(seconds in -8_000_000_000i64..60_000_000_000) {
            let mut writer = CsvWriter::new(comma());
            writer.value(FieldValue::DateTime(seconds * 1000));
            let written = String::from_utf8(writer.take()).unwrap();
            prop_assert_eq!(written.trim_matches('"'), format_datetime(seconds * 1000).replace("+0000", "Z"));
            prop_assert_eq!(parse_datetime(written.trim_matches('"')), Some(seconds * 1000));
        }
    }
}
