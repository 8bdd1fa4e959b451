//! How metric files are given on the command line: paths, options of reading, columns.

use super::Session;
use super::failure::Failure;
use super::files;
use super::quantity;
use crate::fit::mapping::{self, Mapping, MappingError, Saved};
use crate::fit::metrics::guess::Role;
use crate::fit::metrics::{About, Options, ReadError, Sink, ZoneName, read};
use std::path::{Path, PathBuf};

/// Options of every verb that reads metric files.
#[derive(Debug, Clone, clap::Args)]
#[command(next_help_heading = "Reading metrics")]
pub(super) struct MetricOptions {
    /// Zone of times that are written without one, such as Europe/Berlin, UTC or +02:00.
    #[arg(long, value_name = "ZONE")]
    tz: Option<String>,
    /// Which column is what, such as offered=rate_in or served="ok + cached"; repeatable, or separated by commas.
    #[arg(long = "map", value_name = "QUANTITY=COLUMN")]
    map: Vec<String>,
    /// Take options and columns from this file, written by --save-mapping.
    #[arg(long, value_name = "FILE")]
    mapping: Option<PathBuf>,
    /// An absent value is zero (error counts of CloudWatch).
    #[arg(long)]
    absent_is_zero: bool,
    /// Column of names and column of values of a long table, such as job:Value.
    #[arg(long, value_name = "NAME:VALUE")]
    pivot: Option<String>,
    /// The column of times.
    #[arg(long, value_name = "COLUMN")]
    time: Option<String>,
    /// Interval that logs of single requests are counted in, such as "5 s".
    #[arg(long, value_name = "TIME")]
    step: Option<String>,
}

impl MetricOptions {
    /// Columns asked for by names that are no quantities: of states and outputs of a model.
    pub(super) fn names(&self) -> Vec<(String, String)> {
        let all = self.map.iter().flat_map(|list| parts(list));
        let pairs =
            all.filter_map(|text| text.split_once('=').map(|(n, c)| (n.trim().to_owned(), c.trim().to_owned())));
        pairs.filter(|(name, _)| Role::named(name).is_none()).collect()
    }

    /// Refuses names that are no quantities: for what has no model.
    pub(super) fn no_names(&self) -> Result<(), Failure> {
        match self.names().first() {
            None => Ok(()),
            Some((name, _)) => Err(wrong(&MappingError::Role(name.clone()))),
        }
    }

    /// How to read, and which columns are asked for by quantity.
    pub(super) fn understood(&self) -> Result<(Options, Vec<(Role, String)>), Failure> {
        let saved = match &self.mapping {
            None => Saved::default(),
            Some(path) => {
                let text = std::fs::read_to_string(path)
                    .map_err(|error| Failure::usage(format!("{}: {error}", path.display()), "is it a mapping file?"))?;
                Saved::parse(&text).map_err(|error| wrong(&error))?
            }
        };
        let mut options = saved.options().map_err(|error| wrong(&error))?;
        let mut asked = saved.asked().map_err(|error| wrong(&error))?;
        if let Some(name) = &self.tz {
            let unknown = || {
                Failure::usage(
                    format!("unknown time zone `{name}`"),
                    "give an IANA name such as Europe/Berlin, UTC, or an offset such as +02:00",
                )
            };
            options.zone = Some(ZoneName::find(name).ok_or_else(unknown)?);
        }
        options.absent_is_zero |= self.absent_is_zero;
        if let Some(text) = &self.pivot {
            let parts = text.split_once(':').map(|(name, value)| (name.to_owned(), value.to_owned()));
            let shape = || Failure::usage(format!("`{text}` is not NAME:VALUE"), "for example --pivot job:Value");
            options.pivot = Some(parts.ok_or_else(shape)?);
        }
        if self.time.is_some() {
            options.time.clone_from(&self.time);
        }
        if let Some(text) = &self.step {
            options.step = Some(quantity::duration("--step", text)?);
        }
        for text in self.map.iter().flat_map(|list| parts(list)) {
            let (role, column) = match mapping::request(&text) {
                Err(MappingError::Role(_)) => continue,
                found => found.map_err(|error| wrong(&error))?,
            };
            asked.retain(|(known, _)| *known != role);
            asked.push((role, column));
        }
        Ok((options, asked))
    }
}

/// `a=x,b=y` as `a=x` and `b=y`; a comma that no `name=` follows belongs to the column's title.
fn parts(list: &str) -> Vec<String> {
    let mut out: Vec<String> = Vec::new();
    for piece in list.split(',') {
        let word = |name: &str| name.trim().chars().all(|c| c.is_alphanumeric() || "._-".contains(c));
        let starts = piece.split_once('=').is_some_and(|(name, _)| word(name));
        match out.last_mut() {
            Some(last) if !starts && last.contains('=') => {
                last.push(',');
                last.push_str(piece);
            }
            _ => out.push(piece.to_owned()),
        }
    }
    out
}

/// A mapping that cannot be made, as bad usage.
pub(super) fn wrong(error: &MappingError) -> Failure {
    Failure::usage(error.to_string(), error.hint())
}

/// Reads a file; what is wrong with it becomes bad input with its line and a caret.
pub(super) fn read_file(
    path: &Path,
    options: &Options,
    sink: &mut dyn Sink,
) -> Result<crate::fit::metrics::FileFacts, Failure> {
    read(path, options, sink).map_err(|error| unreadable(&error))
}

fn unreadable(error: &ReadError) -> Failure {
    let mut message = error.to_string();
    if let Some(place) = &error.place {
        let number = place.line.to_string();
        let margin = " ".repeat(number.len());
        let shown = |text: &str| text.replace('\t', " ").replace(|c: char| c.is_control(), "\u{fffd}");
        let before = shown(&place.text[..place.caret.start]).chars().count();
        let marked = shown(&place.text[place.caret.clone()]).chars().count();
        message += &format!("\n {margin}--> {}:{number}", error.path.display());
        message += &format!("\n {margin} |\n {number} | {}", shown(&place.text));
        message += &format!("\n {margin} | {}{}", " ".repeat(before), "^".repeat(marked.max(1)));
    }
    Failure::Usage { message, hint: error.kind.hint() }
}

/// Which column is what.
pub(super) fn mapped(files: &[Vec<&About>], asked: &[(Role, String)]) -> Result<Mapping, Failure> {
    mapping::find(files, asked).map_err(|error| wrong(&error))
}

/// Keeps a mapping.
pub(super) fn save(path: &Path, options: &Options, mapping: &Mapping, session: &Session) -> Result<(), Failure> {
    files::write(path, Saved::of(options, mapping).text().as_bytes())?;
    session.terminal.note(&format!("wrote {}", path.display()));
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::parts;

    #[test]
    fn commas_between_columns_and_inside_of_titles() {
        assert_eq!(parts("offered=rate_in,p99=lat"), ["offered=rate_in", "p99=lat"]);
        assert_eq!(parts("offered=cart, eu,p99=x"), ["offered=cart, eu", "p99=x"]);
    }
}
