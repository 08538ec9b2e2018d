//! A finished query result: its rows as CSV, small ones in memory, large ones in a file without a name that goes with it.
//!
//! The values are those of the time of the run, and a page is a copy of bytes however many there are.

use std::io::{self, Read, Seek, SeekFrom, Write};
use std::ops::Range;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use tempfile::SpooledTempFile;

/// Results up to this size stay in memory: a file each would be too many open files for clients that ask many small questions.
const IN_MEMORY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// What is read at once.
const READ_BYTES: u64 = 1024 * 1024;

/// A result that is being written.
#[derive(Debug)]
pub(crate) struct SpoolWriter {
    header: Vec<u8>,
    file: SpooledTempFile,
    bytes: u64,
    /// Where each row ends.
    row_ends: Vec<u64>,
}

impl SpoolWriter {
    /// A result without rows under this header row.
    pub(crate) fn new(header: Vec<u8>) -> SpoolWriter {
        let file = SpooledTempFile::new(IN_MEMORY_BYTES_MAX);
        SpoolWriter { header, file, bytes: 0, row_ends: Vec::new() }
    }

    /// Adds rows, whose lengths add up to that of `rows`.
    pub(crate) fn write(&mut self, rows: &[u8], lengths: impl Iterator<Item = usize>) -> io::Result<()> {
        self.file.write_all(rows)?;
        self.row_ends.extend(lengths.map(|length| {
            self.bytes += length as u64;
            self.bytes
        }));
        Ok(())
    }

    pub(crate) fn finish(mut self) -> Spool {
        self.row_ends.shrink_to_fit();
        Spool { header: self.header.into(), file: Mutex::new(self.file), row_ends: self.row_ends }
    }
}

/// A result to be read.
#[derive(Debug)]
pub(crate) struct Spool {
    header: Bytes,
    file: Mutex<SpooledTempFile>,
    row_ends: Vec<u64>,
}

impl Spool {
    /// Number of rows.
    pub(crate) fn rows(&self) -> usize {
        self.row_ends.len()
    }

    /// Rows as CSV under the header row, a piece at a time.
    pub(crate) fn pieces(
        self: &Arc<Self>,
        rows: Range<usize>,
    ) -> impl futures::Stream<Item = io::Result<Bytes>> + use<> {
        let end_of = |row: usize| if row == 0 { 0 } else { self.row_ends[row - 1] };
        let state = (Arc::clone(self), Some(self.header.clone()), end_of(rows.start)..end_of(rows.end));
        futures::stream::try_unfold(state, |(spool, header, mut range)| async move {
            if let Some(header) = header {
                return Ok(Some((header, (spool, None, range))));
            }
            if range.is_empty() {
                return Ok(None);
            }
            let piece = range.start..range.end.min(range.start + READ_BYTES);
            range.start = piece.end;
            let reader = Arc::clone(&spool);
            let read = tokio::task::spawn_blocking(move || reader.read(piece));
            let bytes = read.await.map_err(io::Error::other)??;
            Ok(Some((bytes, (spool, None, range))))
        })
    }

    fn read(&self, range: Range<u64>) -> io::Result<Bytes> {
        let mut bytes = vec![0; usize::try_from(range.end - range.start).map_err(io::Error::other)?];
        let mut file = self.file.lock().unwrap_or_else(PoisonError::into_inner);
        file.seek(SeekFrom::Start(range.start))?;
        file.read_exact(&mut bytes)?;
        Ok(bytes.into())
    }
}
