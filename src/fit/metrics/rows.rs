//! Rows of a delimited text, in bounded memory.
//!
//! A line without quotes, which is nearly every line of a metric file, is split in place. A record with a quote goes
//! through `csv-core`, which knows the quoting rules and records of several lines.

use super::error::{Place, ReadErrorKind, Trouble};
use std::io::BufRead;
use std::ops::Range;

/// Longest record in MB: beyond it an opening quote has no end.
const LONGEST: usize = 16;
/// Most columns.
pub(super) const COLUMNS: usize = 20_000;

/// Reads records.
pub(super) struct Rows<R> {
    reader: R,
    delimiter: u8,
    /// The current record as it stands in the file.
    raw: Vec<u8>,
    /// Its fields, one after the other, where quotes had to be taken off.
    plain: Vec<u8>,
    fields: Vec<Range<usize>>,
    unquoted: bool,
    line: u64,
    next_line: u64,
}

impl<R: BufRead> Rows<R> {
    pub(super) fn new(reader: R, delimiter: u8) -> Self {
        Self {
            reader,
            delimiter,
            raw: Vec::new(),
            plain: Vec::new(),
            fields: Vec::new(),
            unquoted: true,
            line: 0,
            next_line: 1,
        }
    }

    /// Counts lines from this number on.
    pub(super) fn start_at(&mut self, line: u64) {
        self.next_line = line;
    }

    /// Reads the next record that is not blank. False at the end.
    pub(super) fn advance(&mut self) -> Result<bool, Trouble> {
        loop {
            self.raw.clear();
            self.line = self.next_line;
            if !self.more()? {
                return Ok(false);
            }
            if self.raw.iter().all(|b| matches!(b, b'\r' | b'\n')) {
                continue;
            }
            self.split()?;
            return Ok(true);
        }
    }

    /// Appends one physical line. False at the end of the file.
    fn more(&mut self) -> Result<bool, Trouble> {
        let before = self.raw.len();
        loop {
            let buffer = self.reader.fill_buf()?;
            if buffer.is_empty() {
                break;
            }
            if let Some(end) = memchr::memchr(b'\n', buffer) {
                self.raw.extend_from_slice(&buffer[..=end]);
                self.reader.consume(end + 1);
                self.next_line += 1;
                return Ok(true);
            }
            let length = buffer.len();
            self.raw.extend_from_slice(buffer);
            self.reader.consume(length);
            if self.raw.len() > LONGEST << 20 {
                return Err(self.trouble(0..0, ReadErrorKind::LongRow(LONGEST)));
            }
        }
        Ok(self.raw.len() > before)
    }

    fn split(&mut self) -> Result<(), Trouble> {
        self.fields.clear();
        self.unquoted = memchr::memchr(b'"', &self.raw).is_none();
        if self.unquoted {
            let end = ended(&self.raw);
            let mut from = 0;
            for at in memchr::memchr_iter(self.delimiter, &self.raw[..end]) {
                self.fields.push(from..at);
                from = at + 1;
            }
            self.fields.push(from..end);
        } else {
            self.split_quoted()?;
        }
        if self.fields.len() > COLUMNS {
            return Err(self.trouble(0..0, ReadErrorKind::Columns { found: self.fields.len(), most: COLUMNS }));
        }
        Ok(())
    }

    fn split_quoted(&mut self) -> Result<(), Trouble> {
        // A record goes on over the end of its line while a quote is open.
        while self.raw.iter().filter(|b| **b == b'"').count() % 2 == 1 {
            if self.raw.len() > LONGEST << 20 {
                return Err(self.trouble(0..0, ReadErrorKind::LongRow(LONGEST)));
            }
            if !self.more()? {
                return Err(self.trouble(0..0, ReadErrorKind::Truncated("a quoted cell")));
            }
        }
        let mut reader = csv_core::ReaderBuilder::new().delimiter(self.delimiter).build();
        self.plain.resize(self.raw.len() + 1, 0);
        let mut ends = vec![0; memchr::memchr_iter(self.delimiter, &self.raw).count() + 2];
        let (_, _, written, mut count) = reader.read_record(&self.raw, &mut self.plain, &mut ends);
        if !self.raw.ends_with(b"\n") {
            // The end of the input ends the last field.
            let (_, _, _, rest) = reader.read_record(&[], &mut self.plain[written..], &mut ends[count..]);
            count += rest;
        }
        let mut from = 0;
        for end in &ends[..count] {
            self.fields.push(from..*end);
            from = *end;
        }
        Ok(())
    }

    /// Number of fields of the current record.
    pub(super) fn len(&self) -> usize {
        self.fields.len()
    }

    /// A field of the current record; empty if it has none there.
    pub(super) fn field(&self, index: usize) -> &[u8] {
        let text = if self.unquoted { &self.raw } else { &self.plain };
        self.fields.get(index).map_or(&[], |range| &text[range.clone()])
    }

    /// A field as text, with broken characters replaced.
    pub(super) fn text(&self, index: usize) -> String {
        String::from_utf8_lossy(self.field(index)).trim().to_owned()
    }

    /// All fields as text.
    pub(super) fn texts(&self) -> Vec<String> {
        (0..self.len()).map(|index| self.text(index)).collect()
    }

    /// Line of the current record, from 1.
    pub(super) fn line(&self) -> u64 {
        self.line
    }

    /// The place of a field in the file.
    pub(super) fn place(&self, index: usize) -> Place {
        let range = if self.unquoted {
            self.fields.get(index).cloned().unwrap_or(0..0)
        } else {
            // Quotes were taken off: look for the text of the field in the line as written.
            let field = self.field(index);
            let found = if field.is_empty() { None } else { memchr::memmem::find(&self.raw, field) };
            found.map_or(0..0, |at| at..at + field.len())
        };
        Place::new(self.line, &self.raw, range)
    }

    /// An error about a field.
    pub(super) fn wrong(&self, index: usize, kind: ReadErrorKind) -> Trouble {
        Trouble::at(self.place(index), kind)
    }

    fn trouble(&self, caret: Range<usize>, kind: ReadErrorKind) -> Trouble {
        Trouble::at(Place::new(self.line, &self.raw, caret), kind)
    }
}

/// Length of a line without its end.
fn ended(line: &[u8]) -> usize {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line).len()
}

/// The delimiter that splits the first lines most evenly, of `, ; tab |`.
pub(super) fn delimiter(head: &[u8]) -> u8 {
    let lines: Vec<&[u8]> = head.split(|b| *b == b'\n').filter(|l| ended(l) > 0).take(50).collect();
    // The last line may be cut by the buffer.
    let lines = if lines.len() > 2 { &lines[..lines.len() - 1] } else { &lines[..] };
    let score = |delimiter: u8| {
        let counts: Vec<usize> = lines.iter().map(|line| outside_quotes(line, delimiter)).collect();
        let most = counts.iter().copied().max().unwrap_or(0);
        let agreeing = counts.iter().filter(|c| **c == most && most > 0).count();
        (agreeing * 100 / lines.len().max(1), most)
    };
    // Of equal candidates the first counts; a comma inside `1,5` must not beat a semicolon.
    [b'\t', b';', b'|', b',']
        .into_iter()
        .max_by_key(|d| (score(*d), *d == b'\t'))
        .filter(|d| score(*d).1 > 0)
        .unwrap_or(b',')
}

fn outside_quotes(line: &[u8], delimiter: u8) -> usize {
    let mut quoted = false;
    let mut count = 0;
    for byte in line {
        match byte {
            b'"' => quoted = !quoted,
            b if *b == delimiter && !quoted => count += 1,
            _ => {}
        }
    }
    count
}

#[cfg(test)]
mod tests {
    use super::{Rows, delimiter};

    fn all(text: &str) -> Vec<(u64, Vec<String>)> {
        let mut rows = Rows::new(text.as_bytes(), b',');
        let mut out = Vec::new();
        while rows.advance().expect("rows") {
            out.push((rows.line(), rows.texts()));
        }
        out
    }

    fn row(line: u64, cells: &[&str]) -> (u64, Vec<String>) {
        (line, cells.iter().map(|c| (*c).to_owned()).collect())
    }

    #[test]
    fn quotes_blank_lines_and_ends() {
        let text = "\"Time\",\"cart, eu \"\"west\"\"\"\r\n1,\r\n\r\n2,\"a\nb\"\r\n3,x";
        assert_eq!(
            all(text),
            [row(1, &["Time", "cart, eu \"west\""]), row(2, &["1", ""]), row(4, &["2", "a\nb"]), row(6, &["3", "x"])]
        );
        assert_eq!(all("1,\"\"\n"), [row(1, &["1", ""])]);
        assert_eq!(all("1,\"x\""), [row(1, &["1", "x"])]);
    }

    #[test]
    fn an_open_quote_is_an_error() {
        let mut rows = Rows::new("a,\"b\n1,2\n".as_bytes(), b',');
        assert!(rows.advance().is_err());
    }

    #[test]
    fn delimiters() {
        assert_eq!(delimiter(b"time;a;b\n1;1,5;2,5\n2;1,5;2,5\n"), b';');
        assert_eq!(delimiter(b"time\ta\n1\t2\n"), b'\t');
        assert_eq!(delimiter(b"time,a\n1,2\n"), b',');
        assert_eq!(delimiter(b"time|a\n1|2\n"), b'|');
        assert_eq!(delimiter(b"time\n1\n"), b',');
    }
}
