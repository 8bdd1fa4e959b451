//! How metric files are given on the command line: paths, options of reading, columns.

use super::Session;
use super::failure::Failure;
use super::files;
use super::quantity;
use crate::fit::data::Source;
use crate::fit::mapping::{self, Column, Mapping, MappingError, Saved};
use crate::fit::metrics::guess::Role;
use crate::fit::metrics::{About, Collector, NoteKind, Options, ReadError, Sink, ZoneName, read};
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
    /// The load came from users who wait for each answer before they ask again.
    #[arg(long, conflicts_with = "open_loop")]
    closed_loop: bool,
    /// The load went on whatever the answers.
    #[arg(long)]
    open_loop: bool,
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
        if self.closed_loop || self.open_loop {
            options.closed_loop = Some(self.closed_loop);
        }
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
fn wrong(error: &MappingError) -> Failure {
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

/// Metric files as a model is held to them.
pub(super) struct Gathered {
    /// The files.
    pub(super) sources: Vec<Source>,
    /// Columns by quantity.
    pub(super) mapping: Mapping,
    /// Columns by the name of a state or an output of the model.
    pub(super) named: Vec<(String, Column)>,
}

/// Reads files, says what is doubtful about them, and which columns were taken for what.
pub(super) fn gather(files: &[PathBuf], options: &MetricOptions, session: &Session) -> Result<Gathered, Failure> {
    let (reading, asked) = options.understood()?;
    let mut sources = Vec::new();
    for path in files {
        let mut collector = Collector::default();
        let facts = read_file(path, &reading, &mut collector)?;
        for note in collector.notes.iter().filter(|n| n.kind == NoteKind::Doubt) {
            session.terminal.note(&format!("{}: {}", path.display(), note.text));
        }
        sources.push(Source { path: path.display().to_string(), facts, traces: collector.traces });
    }
    let abouts: Vec<Vec<&About>> = sources.iter().map(|s| s.traces.iter().map(|t| &t.about).collect()).collect();
    let mapping = mapped(&abouts, &asked)?;
    let named = options
        .names()
        .iter()
        .map(|(name, column)| {
            let terms = mapping::columns(&abouts, column).map_err(|error| wrong(&error))?;
            Ok((name.clone(), Column { text: column.clone(), terms, confidence: 1.0, because: None }))
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    tell(&mapping, session);
    Ok(Gathered { sources, mapping, named })
}

/// Which columns were taken for what, where that was a guess.
fn tell(mapping: &Mapping, session: &Session) {
    for (role, column) in mapping.columns.iter().filter(|(_, c)| c.because.is_some()) {
        session.terminal.note(&format!(
            "`{}` is taken for {role} ({:.0} % sure: {})",
            column.text,
            100.0 * column.confidence,
            column.because.unwrap_or_default()
        ));
    }
    for (role, titles) in &mapping.open {
        session.terminal.note(&format!("{role} could be {}: left out; say --map {role}=...", titles.join(" or ")));
    }
    if !mapping.columns.contains_key(&Role::Offered) {
        session.terminal.note("no column is the offered load; name one with --map offered=COLUMN");
    }
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
