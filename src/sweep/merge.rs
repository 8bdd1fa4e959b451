//! Joining the files of shards to the file that one machine would have made, after making sure that nothing is missing.

use super::design::shard;
use super::record::{self, Format, head_lines};
use serde_json::Value;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Write};
use std::path::{Path, PathBuf};

/// Why files cannot be joined.
#[derive(Debug, thiserror::Error)]
pub enum MergeError {
    /// The system said no.
    #[error("cannot read {}: {source}", .path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The result could not be written.
    #[error("cannot write the result: {0}")]
    Write(io::Error),
    /// A file that is not of a sweep.
    #[error("{} is not the file of a shard", .0.display())]
    NotAShard(PathBuf),
    /// Two files of different sweeps.
    #[error("{} and {} are of different sweeps", .0.display(), .1.display())]
    Different(PathBuf, PathBuf),
    /// A shard is missing.
    #[error("shard {missing} of {of} is missing")]
    Missing {
        /// Its number.
        missing: u64,
        /// How many there are.
        of: u64,
    },
    /// A shard is there twice.
    #[error("{} and {} are the same shard", .0.display(), .1.display())]
    Twice(PathBuf, PathBuf),
    /// A shard lacks rows, or has too many.
    #[error("{} should have {expected} rows from {from} on and differs from that at its row {at}", .path.display())]
    Rows {
        /// The file.
        path: PathBuf,
        /// Rows it should have.
        expected: u64,
        /// Number of the first.
        from: u64,
        /// Where it differs, counted within the file.
        at: u64,
    },
}

struct Shard {
    path: PathBuf,
    number: u64,
    of: u64,
    format: Format,
    /// The head of the whole, as text.
    head: String,
    points: u64,
}

fn open(path: &Path) -> Result<Shard, MergeError> {
    let read = |source| MergeError::Read { path: path.to_owned(), source };
    let mut reader = BufReader::new(File::open(path).map_err(read)?);
    let mut first = String::new();
    reader.read_line(&mut first).map_err(read)?;
    let not = || MergeError::NotAShard(path.to_owned());
    let (format, mut provenance) = record::provenance(first.trim_end_matches('\n')).ok_or_else(not)?;
    let shard = provenance.get("shard").and_then(Value::as_str).and_then(|s| s.split_once('/')).ok_or_else(not)?;
    let (number, of) = (shard.0.parse().map_err(|_| not())?, shard.1.parse().map_err(|_| not())?);
    let points = provenance.get("points").and_then(Value::as_u64).ok_or_else(not)?;
    provenance["shard"] = Value::Null;
    let mut head = match format {
        Format::Csv => format!("# {provenance}\n"),
        Format::JsonLines => format!("{provenance}\n"),
    };
    for _ in 1..head_lines(format) {
        reader.read_line(&mut head).map_err(read)?;
    }
    Ok(Shard { path: path.to_owned(), number, of, format, head, points })
}

/// Joins the files of all shards of a sweep, given in any order, into `to`. Returns the number of rows.
///
/// # Errors
/// [`MergeError`] says what does not fit or is missing.
pub fn merge(paths: &[PathBuf], to: &mut dyn Write) -> Result<u64, MergeError> {
    let mut shards = paths.iter().map(|path| open(path)).collect::<Result<Vec<Shard>, _>>()?;
    shards.sort_by_key(|s| s.number);
    let Some(first) = shards.first() else { return Err(MergeError::Missing { missing: 1, of: 1 }) };
    let (of, points, head) = (first.of, first.points, first.head.clone());
    if let Some(other) = shards.iter().find(|s| s.head != head || s.of != of) {
        return Err(MergeError::Different(first.path.clone(), other.path.clone()));
    }
    if let Some(pair) = shards.windows(2).find(|pair| pair[0].number == pair[1].number) {
        return Err(MergeError::Twice(pair[0].path.clone(), pair[1].path.clone()));
    }
    if let Some(missing) = (1..=of).find(|k| shards.iter().all(|s| s.number != *k)) {
        return Err(MergeError::Missing { missing, of });
    }
    to.write_all(head.as_bytes()).map_err(MergeError::Write)?;
    for one in &shards {
        append(one, shard(points, one.number, of), to)?;
    }
    Ok(points)
}

/// Copies the rows of a shard, each of which must have the number it should have.
fn append(one: &Shard, rows: std::ops::Range<u64>, to: &mut dyn Write) -> Result<(), MergeError> {
    let read = |source| MergeError::Read { path: one.path.clone(), source };
    let mut reader = BufReader::new(File::open(&one.path).map_err(read)?);
    let mut line = Vec::new();
    for _ in 0..head_lines(one.format) {
        reader.read_until(b'\n', &mut line).map_err(read)?;
    }
    let wrong = |at| MergeError::Rows { path: one.path.clone(), expected: rows.end - rows.start, from: rows.start, at };
    for row in rows.clone() {
        line.clear();
        reader.read_until(b'\n', &mut line).map_err(read)?;
        let begins = match one.format {
            Format::Csv => format!("{row},"),
            Format::JsonLines => format!("{{\"row\":{row},"),
        };
        if !line.starts_with(begins.as_bytes()) || line.last() != Some(&b'\n') {
            return Err(wrong(row - rows.start));
        }
        to.write_all(&line).map_err(MergeError::Write)?;
    }
    line.clear();
    if reader.read_until(b'\n', &mut line).map_err(read)? > 0 {
        return Err(wrong(rows.end - rows.start));
    }
    Ok(())
}
