//! A file as numbered lines, plain or gzip, read in a bounded space: a line over the bound is skipped, not held. What the
//! lines mean is in [`super::cells`].

use flate2::read::MultiGzDecoder;
use std::cell::Cell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;
use std::rc::Rc;
use varde_proto::limits;

/// One line without its end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// The bytes, as they stand in the file.
    Bytes(Vec<u8>),
    /// More bytes than [`limits::IMPORT_LINE_BYTES`].
    TooLong,
}

/// The lines of one file.
pub(crate) struct Lines {
    reader: Box<dyn BufRead>,
    read: Rc<Cell<u64>>,
    total: u64,
    number: u64,
}

impl Lines {
    /// Opens a file; gzip is recognised by its first bytes, whatever the name.
    pub(crate) fn open(path: &Path) -> io::Result<Self> {
        let file = File::open(path)?;
        let meta = file.metadata()?;
        if meta.is_dir() {
            return Err(io::ErrorKind::IsADirectory.into());
        }
        let read = Rc::new(Cell::new(0));
        let mut raw = BufReader::with_capacity(64 * 1024, Counted { inner: file, read: read.clone() });
        let gzip = raw.fill_buf()?.starts_with(&[0x1f, 0x8b]);
        let reader: Box<dyn BufRead> =
            if gzip { Box::new(BufReader::with_capacity(64 * 1024, MultiGzDecoder::new(raw))) } else { Box::new(raw) };
        Ok(Self { reader, read, total: meta.len(), number: 0 })
    }

    /// Bytes of the file read so far, and in all.
    pub(crate) fn progress(&self) -> (u64, u64) {
        (self.read.get(), self.total)
    }

    /// The number of the line read last, counted from 1.
    pub(crate) fn number(&self) -> u64 {
        self.number
    }

    /// The next line; `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Line>> {
        let mut line = Vec::new();
        let mut length = 0;
        loop {
            let chunk = self.reader.fill_buf()?;
            if chunk.is_empty() {
                break;
            }
            let end = chunk.iter().position(|byte| *byte == b'\n');
            let part = &chunk[..end.unwrap_or(chunk.len())];
            length += part.len();
            if length <= limits::IMPORT_LINE_BYTES {
                line.extend_from_slice(part);
            }
            let consumed = part.len() + usize::from(end.is_some());
            self.reader.consume(consumed);
            if end.is_some() {
                return Ok(Some(self.finish(line, length)));
            }
        }
        Ok(if length > 0 { Some(self.finish(line, length)) } else { None })
    }

    fn finish(&mut self, mut line: Vec<u8>, length: usize) -> Line {
        self.number += 1;
        if length > limits::IMPORT_LINE_BYTES {
            return Line::TooLong;
        }
        if line.last() == Some(&b'\r') {
            line.pop();
        }
        Line::Bytes(line)
    }
}

/// Counts what was read of the file itself, so that progress is right for gzip too.
struct Counted<R> {
    inner: R,
    read: Rc<Cell<u64>>,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.read.set(self.read.get() + count as u64);
        Ok(count)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;
    use std::io::Write;

    fn lines(content: &[u8]) -> Vec<Line> {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(content).unwrap();
        let mut lines = Lines::open(file.path()).unwrap();
        std::iter::from_fn(|| lines.next().unwrap()).collect()
    }

    fn text(line: &str) -> Line {
        Line::Bytes(line.as_bytes().to_vec())
    }

    #[test]
    fn lines_end_in_lf_crlf_or_with_the_file() {
        assert_eq!(lines(b"a\r\nb\n\nc"), [text("a"), text("b"), text(""), text("c")]);
        assert_eq!(lines(b""), []);
    }

    #[test]
    fn a_line_over_the_bound_is_skipped_and_the_next_one_read() {
        let long = vec![b'x'; 10 * 1024 * 1024];
        let content = [b"a\n", &long[..], b"\nb\n"].concat();
        assert_eq!(lines(&content), [text("a"), Line::TooLong, text("b")]);
        let exact = vec![b'x'; limits::IMPORT_LINE_BYTES];
        assert_eq!(lines(&exact), [Line::Bytes(exact.clone())]);
    }

    #[test]
    fn gzip_is_recognised_by_its_content() {
        let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        packed.write_all(b"a\nb\n").unwrap();
        assert_eq!(lines(&packed.finish().unwrap()), [text("a"), text("b")]);
    }
}
