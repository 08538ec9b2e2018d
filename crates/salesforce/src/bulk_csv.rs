//! CSV as bulk jobs speak it (RFC 4180): read in pieces as they arrive, holding one row at a time, and written. It knows bytes and
//! text, no records.

/// Salesforce allows a record of a bulk job 1.6 million characters at the very most; more than this is no row.
const MAX_ROW_BYTES: usize = 8 << 20;

/// Why bytes are not the CSV that was expected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum CsvFault {
    /// Something follows the end of a quoted field, or a quote stands within a field without quotes.
    Quote,
    /// The row is longer than any that Salesforce gives.
    TooLong,
    /// It is no UTF-8.
    NotText,
    /// It ends in the middle of a quoted field.
    CutOff,
}

impl CsvFault {
    /// What is wrong, as a clause.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::Quote => "a field of the CSV is quoted wrongly",
            Self::TooLong => "a row of the CSV is too long",
            Self::NotText => "the CSV is not in UTF-8",
            Self::CutOff => "the CSV breaks off",
        }
    }
}

/// Where the reader is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// Before the first byte of a field.
    #[default]
    Start,
    /// In a field without quotes.
    Bare,
    /// Behind the opening quote of a field.
    Quoted,
    /// Behind a quote in a quoted field: the first of a doubled one, or the field's end.
    Quote,
}

/// Takes rows out of pieces of CSV that may be cut anywhere.
#[derive(Debug, Default)]
pub(crate) struct CsvReader {
    place: Place,
    /// The fields of the row so far, one behind the other, and where each ends.
    bytes: Vec<u8>,
    ends: Vec<usize>,
    is_complete: bool,
}

impl CsvReader {
    /// Takes bytes off the front of the piece until a row is complete, which [`CsvReader::row`] then gives; false if the piece ends
    /// first. Lines without any character are passed over.
    pub(crate) fn read(&mut self, piece: &mut &[u8]) -> Result<bool, CsvFault> {
        if std::mem::take(&mut self.is_complete) {
            self.bytes.clear();
            self.ends.clear();
        }
        while let Some(&byte) = piece.first() {
            match (self.place, byte) {
                (Place::Start, b'"') => self.place = Place::Quoted,
                (Place::Start | Place::Bare | Place::Quote, b',') => self.end_field(),
                (Place::Start, b'\n') if self.ends.is_empty() => {}
                (Place::Start | Place::Bare | Place::Quote, b'\n') => {
                    // What ends in CR LF outside of quotes ends in a line end all the same.
                    if self.place == Place::Bare && self.field().ends_with(b"\r") {
                        self.bytes.pop();
                    }
                    self.end_field();
                    self.is_complete = true;
                    *piece = &piece[1..];
                    return Ok(true);
                }
                (Place::Start | Place::Bare, _) => {
                    let run = piece.iter().position(|byte| matches!(byte, b',' | b'\n' | b'"')).unwrap_or(piece.len());
                    if piece.get(run) == Some(&b'"') {
                        return Err(CsvFault::Quote);
                    }
                    self.place = Place::Bare;
                    self.take(piece, run)?;
                    continue;
                }
                (Place::Quoted, b'"') => self.place = Place::Quote,
                (Place::Quoted, _) => {
                    let run = piece.iter().position(|byte| *byte == b'"').unwrap_or(piece.len());
                    self.take(piece, run)?;
                    continue;
                }
                (Place::Quote, b'"') => {
                    self.place = Place::Quoted;
                    self.bytes.push(b'"');
                }
                (Place::Quote, b'\r') => {}
                (Place::Quote, _) => return Err(CsvFault::Quote),
            }
            *piece = &piece[1..];
        }
        Ok(false)
    }

    /// To be called once all pieces were read. Whether a last row without a line end is complete now.
    pub(crate) fn finish(&mut self) -> Result<bool, CsvFault> {
        match self.place {
            Place::Quoted => Err(CsvFault::CutOff),
            _ if self.is_complete || (self.place == Place::Start && self.ends.is_empty()) => Ok(false),
            _ => {
                self.end_field();
                self.is_complete = true;
                Ok(true)
            }
        }
    }

    /// The row that was completed last.
    pub(crate) fn row(&self) -> Result<CsvRow<'_>, CsvFault> {
        let text = std::str::from_utf8(&self.bytes).map_err(|_| CsvFault::NotText)?;
        Ok(CsvRow { text, ends: &self.ends })
    }

    fn take(&mut self, piece: &mut &[u8], length: usize) -> Result<(), CsvFault> {
        if self.bytes.len() + length > MAX_ROW_BYTES {
            return Err(CsvFault::TooLong);
        }
        self.bytes.extend_from_slice(&piece[..length]);
        *piece = &piece[length..];
        Ok(())
    }

    fn field(&self) -> &[u8] {
        &self.bytes[self.ends.last().copied().unwrap_or(0)..]
    }

    fn end_field(&mut self) {
        self.ends.push(self.bytes.len());
        self.place = Place::Start;
    }
}

/// The fields of a row.
#[derive(Clone, Copy, Debug)]
pub(crate) struct CsvRow<'r> {
    text: &'r str,
    ends: &'r [usize],
}

impl<'r> CsvRow<'r> {
    /// How many there are.
    pub(crate) fn len(&self) -> usize {
        self.ends.len()
    }

    /// One of them; nothing where the row has fewer.
    pub(crate) fn get(&self, index: usize) -> Option<&'r str> {
        let end = *self.ends.get(index)?;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.text.get(start..end)
    }

    /// All of them.
    pub(crate) fn fields(self) -> impl Iterator<Item = &'r str> {
        (0..self.len()).filter_map(move |index| self.get(index))
    }
}

/// Adds a row, every field in quotes: so nothing in it can be taken for anything else.
pub(crate) fn write_row<'f>(out: &mut Vec<u8>, fields: impl Iterator<Item = &'f str>) {
    for (index, field) in fields.enumerate() {
        out.extend_from_slice(if index == 0 { b"\"" } else { b",\"" });
        let mut parts = field.split('"');
        out.extend_from_slice(parts.next().unwrap_or_default().as_bytes());
        for part in parts {
            out.extend_from_slice(b"\"\"");
            out.extend_from_slice(part.as_bytes());
        }
        out.push(b'"');
    }
    out.push(b'\n');
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(pieces: &[&[u8]]) -> Result<Vec<Vec<String>>, CsvFault> {
        let mut reader = CsvReader::default();
        let mut rows = Vec::new();
        let owned = |row: CsvRow<'_>| row.fields().map(str::to_owned).collect();
        for piece in pieces {
            let mut piece = *piece;
            while reader.read(&mut piece)? {
                rows.push(owned(reader.row()?));
            }
        }
        if reader.finish()? {
            rows.push(owned(reader.row()?));
        }
        Ok(rows)
    }

    #[test]
    fn rows_with_and_without_quotes_and_each_line_end_are_read() {
        let rows = read(&[b"Id,Name\r\n\"1\",\"a \"\"b\"\",\r\n\"\r\n\n2,\n\"\",x"]).unwrap();
        assert_eq!(rows, [vec!["Id", "Name"], vec!["1", "a \"b\",\r\n"], vec!["2", ""], vec!["", "x"]]);
        assert!(read(&[b""]).unwrap().is_empty());
        assert_eq!(read(&[b"\"\"\n"]).unwrap(), [vec![""]]);
    }

    #[test]
    fn what_is_no_csv_is_refused() {
        assert_eq!(read(&[b"\"a\"b\n"]), Err(CsvFault::Quote));
        assert_eq!(read(&[b"a\"b\n"]), Err(CsvFault::Quote));
        assert_eq!(read(&[b"\"a\n"]), Err(CsvFault::CutOff));
        assert_eq!(read(&[b"\"\xff\"\n"]), Err(CsvFault::NotText));
        // A character must not be put together from two fields.
        assert_eq!(read(&[b"\"\xc3\",\"\xa9\"\n"]).unwrap(), [Vec::<String>::new()]);
        assert_eq!(read(&[b"\"", &vec![b'x'; MAX_ROW_BYTES + 1]]), Err(CsvFault::TooLong));
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_wherever_it_is_cut(
            rows in proptest::collection::vec(proptest::collection::vec("[a\"',;\r\n\u{0}\u{e9}\u{1f600}]{0,6}", 1..4), 0..6),
            size in 1_usize..9,
        ) {
            let mut bytes = Vec::new();
            for row in &rows {
                write_row(&mut bytes, row.iter().map(String::as_str));
            }
            let pieces: Vec<&[u8]> = bytes.chunks(size).collect();
            prop_assert_eq!(read(&pieces).unwrap(), rows);
        }

        #[test]
        fn no_bytes_make_the_reader_panic(bytes in "[a\",\r\n\u{e9}]{0,40}") {
            let _ = read(&[bytes.as_bytes()]);
        }
    }
}
