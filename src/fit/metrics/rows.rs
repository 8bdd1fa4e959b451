//! Rows of a delimited text, in bounded memory.
//!
//! A line without quotes, which is nearly every line of a metric file, is split in place. A record with a quote goes
//! through `csv-core`, which knows the quoting rules.

mod marks;

use super::cell;
use super::error::{Place, ReadErrorKind, Trouble};
use marks::{BLOCK, marks};
use std::io::BufRead;
use std::ops::Range;

/// Longest record in MB: beyond it an opening quote has no end.
const LONGEST: usize = 16;
/// Most columns.
pub(super) const COLUMNS: usize = 20_000;

/// Bytes that are read ahead.
const AHEAD: usize = 256 * 1024;
/// Zero bytes after what was read: blocks and words may be looked at whole.
const MARGIN: usize = BLOCK + cell::MARGIN;

/// Reads records.
///
/// The text stays where it was read to: a window of the file that grows for a record longer than it. `marked` is how far
/// its delimiters, line ends and quotation marks are known; those not used yet are the bits of `marks`, counted from
/// `block`.
pub(super) struct Rows<R> {
    reader: R,
    delimiter: u8,
    /// Window of the file, and `MARGIN` zeros after `filled`.
    window: Vec<u8>,
    filled: usize,
    block: usize,
    marks: u64,
    marked: usize,
    ended: bool,
    /// Where the current record begins and ends, its line end included.
    record: Range<usize>,
    /// Fields of the current record without their quotes, one after the other.
    plain: Vec<u8>,
    /// Places of the fields: in the record, or in `plain` if it has quotes.
    fields: Vec<Range<usize>>,
    /// Fields of a record, those beyond [`COLUMNS`] included, whose places are not kept.
    count: usize,
    quoted: bool,
    quotes: Option<csv_core::Reader>,
    line: u64,
    next_line: u64,
}

impl<R: BufRead> Rows<R> {
    pub(super) fn new(reader: R, delimiter: u8) -> Self {
        Self {
            reader,
            delimiter,
            window: Vec::new(),
            filled: 0,
            block: 0,
            marks: 0,
            marked: 0,
            ended: false,
            record: 0..0,
            plain: Vec::new(),
            fields: Vec::new(),
            count: 0,
            quoted: false,
            quotes: None,
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
            self.record.start = self.record.end;
            self.line = self.next_line;
            if !self.mark_out()? {
                return Ok(false);
            }
            if self.count == 1 && self.raw().iter().all(|b| matches!(b, b'\r' | b'\n')) {
                continue;
            }
            if self.quoted {
                self.unquote();
            }
            if self.count > COLUMNS {
                return Err(self.trouble(0..0, ReadErrorKind::Columns { found: self.count, most: COLUMNS }));
            }
            return Ok(true);
        }
    }

    /// Finds the end of the record and the places of its fields. False at the end of the file.
    fn mark_out(&mut self) -> Result<bool, Trouble> {
        self.fields.clear();
        self.count = 0;
        self.quoted = false;
        // A record goes on over the end of its line while a quote is open.
        let mut open = false;
        let mut field = 0;
        loop {
            while self.marks == 0 {
                if self.marked < self.filled {
                    self.look();
                } else if !self.fill()? {
                    if self.record.start == self.filled {
                        return Ok(false);
                    }
                    self.record.end = self.filled;
                    if open {
                        return Err(self.trouble(0..0, ReadErrorKind::Truncated("a quoted cell")));
                    }
                    self.end_field(field, ended(self.raw()));
                    return Ok(true);
                }
            }
            let at = self.block + self.marks.trailing_zeros() as usize;
            self.marks &= self.marks - 1;
            match self.window[at] {
                b'\n' => {
                    self.next_line += 1;
                    if !open {
                        self.record.end = at + 1;
                        let from = self.record.start;
                        let carriage = usize::from(at > from && self.window[at - 1] == b'\r');
                        self.end_field(field, (at - carriage).saturating_sub(from).max(field));
                        return Ok(true);
                    }
                }
                b'"' => {
                    open = !open;
                    self.quoted = true;
                }
                _ => {
                    let place = at - self.record.start;
                    self.end_field(field, place);
                    field = place + 1;
                }
            }
        }
    }

    fn end_field(&mut self, from: usize, until: usize) {
        self.count += 1;
        if self.count <= COLUMNS {
            self.fields.push(from..until);
        }
    }

    /// Looks at the next block.
    fn look(&mut self) {
        self.block = self.marked;
        self.marks = match self.window.get(self.block..).and_then(|rest| rest.first_chunk()) {
            Some(block) => marks(block, self.delimiter),
            None => 0,
        };
        // The block may reach into the margin, where nothing is marked; what will be read there is looked at then.
        self.marked = (self.block + BLOCK).min(self.filled);
    }

    /// Reads on. False at the end of the file.
    fn fill(&mut self) -> Result<bool, Trouble> {
        if self.ended {
            return Ok(false);
        }
        let held = self.filled - self.record.start;
        if held > LONGEST << 20 {
            self.record.end = self.filled;
            return Err(self.trouble(0..0, ReadErrorKind::LongRow(LONGEST)));
        }
        self.window.copy_within(self.record.start..self.filled, 0);
        self.marked -= self.record.start;
        self.filled = held;
        self.record = 0..0;
        let room = (held + AHEAD).max(2 * held);
        if self.window.len() < room + MARGIN {
            self.window.resize(room + MARGIN, 0);
        }
        let end = self.window.len() - MARGIN;
        let read = loop {
            match self.reader.read(&mut self.window[held..end]) {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => {}
                other => break other?,
            }
        };
        self.filled += read;
        self.window[held + read..held + read + MARGIN].fill(0);
        self.ended = read == 0;
        Ok(read > 0)
    }

    /// Takes the quotes off.
    fn unquote(&mut self) {
        let delimiter = self.delimiter;
        let reader = self.quotes.get_or_insert_with(|| csv_core::ReaderBuilder::new().delimiter(delimiter).build());
        reader.reset();
        let raw = &self.window[self.record.clone()];
        self.plain.resize(raw.len() + 1 + MARGIN, 0);
        let mut ends = vec![0; self.count + 1];
        let (_, _, written, mut count) = reader.read_record(raw, &mut self.plain, &mut ends);
        if !raw.ends_with(b"\n") {
            // The end of the input ends the last field.
            let (_, _, _, rest) = reader.read_record(&[], &mut self.plain[written..], &mut ends[count..]);
            count += rest;
        }
        self.fields.clear();
        let mut from = 0;
        for end in ends[..count].iter().take(COLUMNS) {
            self.fields.push(from..*end);
            from = *end;
        }
        self.count = count;
    }

    /// The current record as it stands in the file.
    fn raw(&self) -> &[u8] {
        &self.window[self.record.clone()]
    }

    /// Number of a field, if it is a short decimal number and nothing else.
    #[inline]
    pub(super) fn number(&self, index: usize) -> Option<f64> {
        let field = self.fields.get(index)?;
        if self.quoted {
            return cell::number_at(&self.plain, field.start, field.end);
        }
        let from = self.record.start;
        cell::number_at(&self.window, from + field.start, from + field.end)
    }

    /// Number of fields of the current record.
    pub(super) fn len(&self) -> usize {
        self.fields.len()
    }

    /// A field of the current record; empty if it has none there.
    #[inline]
    pub(super) fn field(&self, index: usize) -> &[u8] {
        let text = if self.quoted { &self.plain } else { self.raw() };
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
        let range = if !self.quoted {
            self.fields.get(index).cloned().unwrap_or(0..0)
        } else {
            // Quotes were taken off: look for the text of the field in the line as written.
            let field = self.field(index);
            let found = if field.is_empty() { None } else { memchr::memmem::find(self.raw(), field) };
            found.map_or(0..0, |at| at..at + field.len())
        };
        Place::new(self.line, self.raw(), range)
    }

    /// An error about a field.
    pub(super) fn wrong(&self, index: usize, kind: ReadErrorKind) -> Trouble {
        Trouble::at(self.place(index), kind)
    }

    fn trouble(&self, caret: Range<usize>, kind: ReadErrorKind) -> Trouble {
        Trouble::at(Place::new(self.line, self.raw(), caret), kind)
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
    use super::{COLUMNS, Rows, delimiter};
    use proptest::prelude::*;
    use std::io::{BufReader, Read};

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

    /// A reader that gives a few bytes at a time.
    struct Drip<'a>(&'a [u8], usize);

    impl Read for Drip<'_> {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            let count = self.1.min(out.len());
            self.0.read(&mut out[..count])
        }
    }

    proptest! {
        /// Records that the csv crate wrote come back, however the file arrives, with their fields and lines.
        #[test]
        fn records_come_back(
            records in prop::collection::vec(prop::collection::vec("[a-c0-9,;\"\n. -]{0,12}|[0-9.]{60,70}", 2..12), 1..30),
            bytes in 1_usize..300,
            crlf in any::<bool>(),
        ) {
            let terminator = if crlf { csv::Terminator::CRLF } else { csv::Terminator::Any(b'\n') };
            let mut writer = csv::WriterBuilder::new().flexible(true).terminator(terminator).from_writer(Vec::new());
            let mut expected = Vec::new();
            let mut line = 1;
            for record in &records {
                writer.write_record(record).expect("written");
                let cells: Vec<String> = record.iter().map(|cell| cell.trim().to_owned()).collect();
                expected.push((line, cells));
                line += 1 + record.iter().map(|cell| cell.matches('\n').count() as u64).sum::<u64>();
            }
            let text = writer.into_inner().expect("written");
            let mut rows = Rows::new(BufReader::with_capacity(1, Drip(&text, bytes)), b',');
            let mut found = Vec::new();
            while rows.advance().expect("rows") {
                for index in 0..rows.len() {
                    let own = super::cell::plain(rows.field(index));
                    prop_assert_eq!(rows.number(index).map(f64::to_bits), own.map(f64::to_bits));
                }
                found.push((rows.line(), rows.texts()));
            }
            prop_assert_eq!(found, expected);
        }
    }

    #[test]
    fn too_many_columns_are_counted_and_not_kept() {
        let text = format!("{}\n", ",".repeat(3 * COLUMNS));
        let mut rows = Rows::new(text.as_bytes(), b',');
        let error = rows.advance().expect_err("too many");
        assert!(error.kind.to_string().starts_with(&format!("{} columns", 3 * COLUMNS + 1)), "{}", error.kind);
        assert!(rows.fields.len() <= COLUMNS);
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
