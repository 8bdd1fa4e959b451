//! Which column of which file is which quantity: asked for, guessed, and kept in a file.
//!
//! `offered = "rq_total - rq_retry"` names columns by their titles; sums and differences have spaces around the sign.
//! A guess is taken when it is sure enough and no other column competes; otherwise the mapping says what it could not
//! decide. A saved mapping makes the next reading the same, whatever a later version would guess.

use super::metrics::guess::{Guess, Role, guess};
use super::metrics::{About, Options, ZoneName};
use std::collections::BTreeMap;

/// Confidence from which a guess is taken.
pub const TAKEN: f64 = 0.6;
/// A rival that is less sure by no more than this leaves the question open.
const CLOSE: f64 = 0.05;

/// A column with its sign in a sum.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// Number of the file, in the order given.
    pub file: usize,
    /// Number of the series in it.
    pub series: usize,
    /// Whether it is subtracted.
    pub minus: bool,
}

/// Where a quantity comes from.
#[derive(Debug, Clone, PartialEq)]
pub struct Column {
    /// As written: titles and signs.
    pub text: String,
    /// Its parts.
    pub terms: Vec<Term>,
    /// 1 if it was asked for, else that of the guess.
    pub confidence: f64,
    /// Why, of a guess.
    pub because: Option<&'static str>,
}

/// Columns by what they show.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Mapping {
    /// What was asked for or is sure.
    pub columns: BTreeMap<Role, Column>,
    /// What could be several columns: role and their titles.
    pub open: Vec<(Role, Vec<String>)>,
}

/// Why a mapping cannot be made.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MappingError {
    /// Not `role=column`.
    #[error("`{0}` is not ROLE=COLUMN")]
    Shape(String),
    /// No such role.
    #[error("there is no quantity `{0}`")]
    Role(String),
    /// No such column.
    #[error("there is no column `{name}`")]
    Column {
        /// As written.
        name: String,
        /// What there is, closest first.
        known: Vec<String>,
    },
    /// Several columns of that title.
    #[error("`{0}` names more than one column: write the labels too")]
    Ambiguous(String),
    /// The mapping file is no mapping.
    #[error("not a mapping: {0}")]
    File(String),
}

impl MappingError {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::Shape(_) => "for example --map offered=rate_in".to_owned(),
            Self::Role(_) => format!("there are {}", Role::ALL.map(Role::name).join(", ")),
            Self::Column { known, .. } => {
                let shown: Vec<String> = known.iter().take(12).map(|n| format!("`{n}`")).collect();
                format!("there are {}", shown.join(", "))
            }
            Self::Ambiguous(_) => "`tipping inspect FILE` prints the titles".to_owned(),
            Self::File(_) => "`tipping inspect FILE --save-mapping mapping.toml` writes one".to_owned(),
        }
    }
}

/// Splits `role=column`.
///
/// # Errors
/// [`MappingError`] if it is not of that shape or the role is unknown.
pub fn request(text: &str) -> Result<(Role, String), MappingError> {
    let (role, column) = text.split_once('=').ok_or_else(|| MappingError::Shape(text.to_owned()))?;
    let role = Role::named(role).ok_or_else(|| MappingError::Role(role.trim().to_owned()))?;
    Ok((role, column.trim().to_owned()))
}

/// Finds the columns of all quantities.
///
/// # Errors
/// [`MappingError`] if one that was asked for does not exist.
pub fn find(files: &[Vec<&About>], asked: &[(Role, String)]) -> Result<Mapping, MappingError> {
    let mut mapping = Mapping::default();
    for (role, text) in asked {
        let terms = columns(files, text)?;
        mapping.columns.insert(*role, Column { text: text.clone(), terms, confidence: 1.0, because: None });
    }
    let mut candidates: BTreeMap<Role, Vec<(Guess, Term, String)>> = BTreeMap::new();
    for (file, series) in files.iter().enumerate() {
        for (number, about) in series.iter().enumerate() {
            if let Some(found) = guess(about) {
                let term = Term { file, series: number, minus: false };
                candidates.entry(found.role).or_default().push((found, term, about.title()));
            }
        }
    }
    let used = |mapping: &Mapping, term: &Term| {
        mapping.columns.values().any(|c| c.terms.iter().any(|t| (t.file, t.series) == (term.file, term.series)))
    };
    for (role, mut found) in candidates {
        if mapping.columns.contains_key(&role) {
            continue;
        }
        found.retain(|(_, term, _)| !used(&mapping, term));
        found.sort_by(|a, b| b.0.confidence.total_cmp(&a.0.confidence));
        let Some((best, term, title)) = found.first().cloned() else { continue };
        if best.confidence < TAKEN {
            continue;
        }
        let rivals: Vec<String> = found
            .iter()
            .filter(|(rival, ..)| best.confidence - rival.confidence <= CLOSE)
            .map(|(.., title)| title.clone())
            .collect();
        if rivals.len() > 1 {
            mapping.open.push((role, rivals));
            continue;
        }
        let column =
            Column { text: title, terms: vec![term], confidence: best.confidence, because: Some(best.because) };
        mapping.columns.insert(role, column);
    }
    Ok(mapping)
}

/// The columns that a text names: a title, or titles with ` + ` and ` - ` between them.
///
/// # Errors
/// [`MappingError`] if one of them does not exist.
pub fn columns(files: &[Vec<&About>], text: &str) -> Result<Vec<Term>, MappingError> {
    if let Some(term) = one(files, text)? {
        return Ok(vec![term]);
    }
    let mut out = Vec::new();
    let mut rest = text;
    let mut minus = false;
    loop {
        let cut = [" + ", " - "].iter().filter_map(|sign| rest.find(sign).map(|at| (at, *sign))).min();
        let (name, next) = match cut {
            Some((at, sign)) => (&rest[..at], Some((sign == " - ", &rest[at + 3..]))),
            None => (rest, None),
        };
        let found = one(files, name.trim())?.ok_or_else(|| unknown(files, name.trim()))?;
        out.push(Term { minus, ..found });
        match next {
            Some((sign, after)) => (minus, rest) = (sign, after),
            None => return Ok(out),
        }
    }
}

/// A column by its title, or by its name if only one has it.
fn one(files: &[Vec<&About>], name: &str) -> Result<Option<Term>, MappingError> {
    let all = || {
        let numbered = |(file, series): (usize, &Vec<&About>)| {
            series
                .iter()
                .enumerate()
                .map(|(n, a)| (Term { file, series: n, minus: false }, a.title(), a.name.clone()))
                .collect::<Vec<_>>()
        };
        files.iter().enumerate().flat_map(numbered)
    };
    if let Some((term, ..)) = all().find(|(_, title, _)| title == name) {
        return Ok(Some(term));
    }
    // `offered` finds `offered (req/s)`.
    let bare = |own: &str| {
        own == name || own.strip_prefix(name).is_some_and(|rest| rest.starts_with(" (") || rest.starts_with(" ["))
    };
    let mut named = all().filter(|(.., own)| bare(own));
    match (named.next(), named.next()) {
        (None, _) => Ok(None),
        (Some((term, ..)), None) => Ok(Some(term)),
        (Some(_), Some(_)) => Err(MappingError::Ambiguous(name.to_owned())),
    }
}

fn unknown(files: &[Vec<&About>], name: &str) -> MappingError {
    let mut known: Vec<String> = files.iter().flatten().map(|about| about.title()).collect();
    known.sort_by(|a, b| strsim::jaro_winkler(b, name).total_cmp(&strsim::jaro_winkler(a, name)));
    MappingError::Column { name: name.to_owned(), known }
}

/// What a mapping file holds: how the files are to be read, and what their columns are.
#[derive(Debug, Clone, Default, PartialEq, serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Saved {
    /// Kind and version of the file.
    pub schema: String,
    /// Zone of local times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub tz: Option<String>,
    /// Whether an absent value is zero.
    #[serde(default)]
    pub absent_is_zero: bool,
    /// Columns of names and values of a long table.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pivot: Option<String>,
    /// Column of times.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub time: Option<String>,
    /// Interval in seconds that requests are counted in.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub step: Option<f64>,
    /// Whether the load was sent by users who wait for answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub closed_loop: Option<bool>,
    /// Columns by quantity.
    #[serde(default)]
    pub map: BTreeMap<String, String>,
}

/// Kind and version of a mapping file.
pub const SCHEMA: &str = "tipping.mapping/1";

impl Saved {
    /// What to keep of a reading.
    #[must_use]
    pub fn of(options: &Options, mapping: &Mapping) -> Self {
        Self {
            schema: SCHEMA.to_owned(),
            tz: options.zone.as_ref().map(ToString::to_string),
            absent_is_zero: options.absent_is_zero,
            pivot: options.pivot.as_ref().map(|(name, value)| format!("{name}:{value}")),
            time: options.time.clone(),
            step: options.step,
            closed_loop: options.closed_loop,
            map: mapping.columns.iter().map(|(role, column)| (role.name().to_owned(), column.text.clone())).collect(),
        }
    }

    /// Reads a mapping file.
    ///
    /// # Errors
    /// [`MappingError::File`] if it is none.
    pub fn parse(text: &str) -> Result<Self, MappingError> {
        let saved: Self = toml::from_str(text).map_err(|error| MappingError::File(error.message().to_owned()))?;
        if saved.schema != SCHEMA {
            return Err(MappingError::File(format!("schema is `{}`, not `{SCHEMA}`", saved.schema)));
        }
        Ok(saved)
    }

    /// As text for a file.
    #[must_use]
    pub fn text(&self) -> String {
        let body = toml::to_string(self).unwrap_or_default();
        format!(
            "# How metric files are read, and which column is what. Written by `tipping inspect --save-mapping`.\n{body}"
        )
    }

    /// The options it stands for.
    ///
    /// # Errors
    /// [`MappingError::File`] if the zone or the pivot cannot be understood.
    pub fn options(&self) -> Result<Options, MappingError> {
        let zone = match &self.tz {
            None => None,
            Some(name) => {
                Some(ZoneName::find(name).ok_or_else(|| MappingError::File(format!("unknown time zone `{name}`")))?)
            }
        };
        let split = |text: &String| {
            let parts = text.split_once(':').map(|(name, value)| (name.to_owned(), value.to_owned()));
            parts.ok_or_else(|| MappingError::File(format!("`{text}` is not NAME:VALUE")))
        };
        let pivot = self.pivot.as_ref().map(split).transpose()?;
        Ok(Options {
            zone,
            absent_is_zero: self.absent_is_zero,
            pivot,
            time: self.time.clone(),
            step: self.step,
            source: None,
            closed_loop: self.closed_loop,
        })
    }

    /// The columns it asks for.
    ///
    /// # Errors
    /// [`MappingError::Role`] if a quantity is not known.
    pub fn asked(&self) -> Result<Vec<(Role, String)>, MappingError> {
        let role = |name: &String| Role::named(name).ok_or_else(|| MappingError::Role(name.clone()));
        self.map.iter().map(|(name, column)| Ok((role(name)?, column.clone()))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::super::metrics::guess::{Role, kind_of};
    use super::super::metrics::{About, Options};
    use super::{MappingError, Saved, find, request};

    fn about(name: &str) -> About {
        About { name: name.to_owned(), labels: Vec::new(), unit: None, kind: kind_of(name), interval: None }
    }

    #[test]
    fn what_is_asked_for_wins_and_the_rest_is_guessed() {
        let columns = [about("rq_total"), about("rq_retry"), about("p99"), about("queue_length"), about("queue_depth")];
        let files = [columns.iter().collect::<Vec<_>>()];
        let asked = [request("offered=rq_total - rq_retry").expect("a request")];
        let mapping = find(&files, &asked).expect("a mapping");
        let offered = &mapping.columns[&Role::Offered];
        assert_eq!(offered.terms.iter().map(|t| (t.series, t.minus)).collect::<Vec<_>>(), [(0, false), (1, true)]);
        assert_eq!(mapping.columns[&Role::P99].terms[0].series, 2);
        assert_eq!(mapping.open, [(Role::Queue, vec!["queue_length".to_owned(), "queue_depth".to_owned()])]);
    }

    #[test]
    fn mistakes_say_what_there_is() {
        let columns = [about("rate_in")];
        let files = [columns.iter().collect::<Vec<_>>()];
        let wrong = find(&files, &[(Role::Offered, "rate_inn".to_owned())]);
        assert!(matches!(wrong, Err(MappingError::Column { known, .. }) if known == ["rate_in"]));
        assert!(matches!(request("load"), Err(MappingError::Shape(_))));
        assert!(matches!(request("nothing=x"), Err(MappingError::Role(_))));
    }

    #[test]
    fn a_saved_mapping_reads_back() {
        let columns = [about("rate_in"), about("p99")];
        let files = [columns.iter().collect::<Vec<_>>()];
        let mapping = find(&files, &[]).expect("a mapping");
        let options = Options {
            absent_is_zero: true,
            pivot: Some(("job".into(), "Value".into())),
            closed_loop: Some(false),
            ..Options::default()
        };
        let saved = Saved::of(&options, &mapping);
        let again = Saved::parse(&saved.text()).expect("a mapping file");
        assert_eq!(again, saved);
        assert_eq!(again.options().expect("options"), options);
        assert_eq!(find(&files, &again.asked().expect("roles")).expect("a mapping").columns.len(), 2);
        assert!(Saved::parse("schema = \"other/1\"").is_err());
    }
}
