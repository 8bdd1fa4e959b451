//! What a sweep over uncertain numbers says: how likely each verdict is, how answers spread, and which number matters.
//!
//! Probabilities are shares of the rows with Wilson's interval (E. B. Wilson 1927)
//!
//! ```text
//! (p + z²/2n ± z √(p(1-p)/n + z²/4n²)) / (1 + z²/n),   z = 1.96
//! ```
//!
//! which is that of independent rows: rows of a Sobol' sequence or a Latin hypercube are spread more evenly, and the truth is closer than it
//! says. Of a design for indices only the independent rows count, A and B of each group; indices are computed of every number in the
//! rows and of every word, as 1 where a row has it and 0 elsewhere.

use super::indices::{Indices, indices};
use super::record::{self, Format};
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;

/// A share of rows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Share {
    /// How many.
    pub rows: u64,
    /// Estimate of the probability.
    pub value: f64,
    /// 95 % interval.
    pub interval: [f64; 2],
}

/// How a number spreads over the rows that have it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Spread {
    /// Rows that have it.
    pub rows: u64,
    /// Mean.
    pub mean: f64,
    /// Standard deviation.
    pub deviation: f64,
    /// Quantiles at 5 %, 50 %, 95 %.
    pub quantiles: [f64; 3],
}

/// What is known of one column, or of one word in it.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Answer {
    /// The column; with the word behind a colon.
    pub name: String,
    /// Probability, of a word.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub share: Option<Share>,
    /// Spread, of a number.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub spread: Option<Spread>,
    /// Indices of each number that was varied, where the design has them and the answer varies.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub indices: Option<Vec<Indices>>,
    /// Groups left out of the indices because a row of them has no value.
    pub incomplete: u64,
}

/// Everything a finished sweep says.
#[derive(Debug, Clone, PartialEq)]
pub struct Summary {
    /// Where the rows come from.
    pub provenance: Value,
    /// Heads of the numbers that were varied.
    pub numbers: Vec<String>,
    /// Rows that count as independent.
    pub rows: u64,
    /// Rows without a result.
    pub failed: u64,
    /// One for each column of numbers, and for each word of each column of words.
    pub answers: Vec<Answer>,
}

/// Why a file has no summary.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SummaryError {
    /// It is not the file of a sweep.
    #[error("this is not the file of a sweep")]
    Foreign,
    /// It is a shard or has been cut off.
    #[error(
        "the sweep has {wanted} rows, the file {found}: join its shards with `tipping merge`, or finish it with --resume"
    )]
    Incomplete {
        /// Rows of the design.
        wanted: u64,
        /// Rows of the file.
        found: u64,
    },
    /// A row that cannot be read.
    #[error("row {0} cannot be read")]
    Row(u64),
    /// A grid says nothing of probabilities.
    #[error("the points are a grid, and a grid has no probabilities: use --sample sobol, latin or saltelli")]
    Grid,
}

/// The verdicts in which a service does not work at its load.
const COLLAPSED: [&str; 2] = ["metastable", "overloaded"];

/// Reads a whole file.
///
/// # Errors
/// [`SummaryError`] if it is not one, or says nothing of probabilities.
pub fn summary(text: &str, seed: u64) -> Result<Summary, SummaryError> {
    let first = text.lines().next().unwrap_or_default();
    let (format, provenance) = record::provenance(first).ok_or(SummaryError::Foreign)?;
    let words = |key: &str| -> Vec<String> {
        let list = provenance[key].as_array().into_iter().flatten();
        list.filter_map(|v| v.as_str().map(str::to_owned)).collect()
    };
    let (columns, varied, measures) = (words("columns"), words("vary").len(), words("measures").len());
    let wanted = provenance["points"].as_u64().ok_or(SummaryError::Foreign)?;
    if columns.len() != varied + measures + 1 || varied == 0 {
        return Err(SummaryError::Foreign);
    }
    let sample = provenance["sample"].as_str().unwrap_or_default().to_owned();
    if sample == "grid" {
        return Err(SummaryError::Grid);
    }
    let rows = read(text, format, &columns)?;
    if rows.len() as u64 != wanted || !provenance["shard"].is_null() {
        return Err(SummaryError::Incomplete { wanted, found: rows.len() as u64 });
    }
    let group = if sample == "saltelli" { varied + 2 } else { 1 };
    let independent: Vec<&Vec<String>> =
        rows.iter().enumerate().filter(|(i, _)| group == 1 || i % group < 2).map(|(_, row)| row).collect();
    let mut answers = Vec::new();
    for column in varied..varied + measures {
        let cells: Vec<&str> = independent.iter().map(|row| row[column].as_str()).collect();
        let numbers: Vec<f64> = cells.iter().filter_map(|c| c.parse().ok()).collect();
        let is_numeric = cells.iter().all(|c| c.is_empty() || c.parse::<f64>().is_ok()) && !numbers.is_empty();
        let indexed = |value: &dyn Fn(&str) -> Option<f64>| -> (Option<Vec<Indices>>, u64) {
            if group == 1 {
                return (None, 0);
            }
            let groups = rows.chunks(group).map(|g| g.iter().map(|r| value(&r[column])).collect::<Option<Vec<f64>>>());
            let (all, whole): (u64, Vec<Vec<f64>>) = (rows.len() as u64 / group as u64, groups.flatten().collect());
            (indices(&whole, seed), all - whole.len() as u64)
        };
        if is_numeric {
            let (indices, incomplete) = indexed(&|cell| cell.parse().ok());
            let (name, spread) = (columns[column].clone(), Some(spread(numbers)));
            answers.push(Answer { name, share: None, spread, indices, incomplete });
            continue;
        }
        let mut found: BTreeMap<&str, u64> = BTreeMap::new();
        cells.iter().filter(|c| !c.is_empty()).for_each(|c| *found.entry(c).or_default() += 1);
        let all: u64 = found.values().sum();
        let mut sets: Vec<(String, Vec<&str>, u64)> =
            found.iter().map(|(word, count)| ((*word).to_owned(), vec![*word], *count)).collect();
        if found.keys().any(|word| COLLAPSED.contains(word)) {
            let count = COLLAPSED.iter().filter_map(|word| found.get(word)).sum();
            sets.insert(0, ("collapsed".to_owned(), COLLAPSED.to_vec(), count));
        }
        for (word, members, count) in sets {
            let value = |cell: &str| (!cell.is_empty()).then(|| f64::from(u8::from(members.contains(&cell))));
            let (indices, incomplete) = indexed(&value);
            let (name, share) = (format!("{}:{word}", columns[column]), Some(share(count, all)));
            answers.push(Answer { name, share, spread: None, indices, incomplete });
        }
    }
    let failed = independent.iter().filter(|row| !row[columns.len() - 1].is_empty()).count() as u64;
    let (numbers, rows) = (columns[..varied].to_vec(), independent.len() as u64);
    Ok(Summary { provenance, numbers, rows, failed, answers })
}

/// The rows without their numbers, as words.
fn read(text: &str, format: Format, columns: &[String]) -> Result<Vec<Vec<String>>, SummaryError> {
    let body = text.lines().skip(record::head_lines(format)).enumerate();
    let broken = |i: usize| SummaryError::Row(i as u64);
    match format {
        Format::Csv => {
            let start =
                text.match_indices('\n').nth(record::head_lines(format) - 1).map_or(text.len(), |(at, _)| at + 1);
            let mut reader =
                csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(&text.as_bytes()[start..]);
            let record = |(i, row): (usize, Result<csv::StringRecord, csv::Error>)| {
                let row = row.map_err(|_| broken(i))?;
                let cells: Vec<String> = row.iter().skip(1).map(str::to_owned).collect();
                let right = cells.len() == columns.len() && row[0].parse() == Ok(i as u64);
                if right { Ok(cells) } else { Err(broken(i)) }
            };
            reader.records().enumerate().map(record).collect()
        }
        Format::JsonLines => body
            .map(|(i, line)| {
                let row: Value = serde_json::from_str(line).map_err(|_| broken(i))?;
                let cell = |column: &String| match row.get(column) {
                    Some(Value::String(word)) => Some(word.clone()),
                    Some(Value::Number(number)) => Some(number.to_string()),
                    Some(Value::Null) => Some(String::new()),
                    _ => None,
                };
                columns.iter().map(cell).collect::<Option<Vec<String>>>().ok_or_else(|| broken(i))
            })
            .collect(),
    }
}

/// The share of `count` in `all` with its interval.
#[must_use]
pub fn share(count: u64, all: u64) -> Share {
    let (n, z) = (all.max(1) as f64, 1.959_963_984_540_054);
    let p = count as f64 / n;
    let middle = p + z * z / (2.0 * n);
    let half = z * (p * (1.0 - p) / n + z * z / (4.0 * n * n)).sqrt();
    let scale = 1.0 + z * z / n;
    let interval = [((middle - half) / scale).max(0.0), ((middle + half) / scale).min(1.0)];
    Share { rows: count, value: p, interval }
}

fn spread(mut values: Vec<f64>) -> Spread {
    values.sort_by(f64::total_cmp);
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let variance = values.iter().map(|v| (v - mean) * (v - mean)).sum::<f64>() / (n - 1.0).max(1.0);
    let quantile = |q: f64| {
        let place = q * (n - 1.0);
        let (low, high) = (values[place.floor() as usize], values[place.ceil() as usize]);
        low + (place - place.floor()) * (high - low)
    };
    Spread { rows: values.len() as u64, mean, deviation: variance.sqrt(), quantiles: [0.05, 0.5, 0.95].map(quantile) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    /// Wilson's interval for 1 of 10: 0.0179 to 0.4042 (A. Agresti, B. Coull 1998).
    #[test]
    fn intervals_are_wilsons() {
        let found = share(1, 10);
        assert!((found.interval[0] - 0.0179).abs() < 1e-4 && (found.interval[1] - 0.4042).abs() < 1e-4, "{found:?}");
        assert_eq!(share(0, 10).interval[0], 0.0);
    }

    fn file(sample: &str, points: u64, rows: &str) -> String {
        let provenance = json!({
            "schema": record::SCHEMA, "vary": ["x~normal(0, 1)"], "measures": ["verdict", "y"], "points": points,
            "columns": ["x", "verdict", "y", "error"], "sample": sample, "shard": null,
        });
        format!("# {provenance}\nrow,x,verdict,y,error\n{rows}")
    }

    #[test]
    fn shares_and_spreads_are_read_off_the_rows() {
        let rows = "0,1,stable,1,\n1,2,overloaded,2,\n2,3,metastable,3,\n3,4,,,no answer\n";
        let found = summary(&file("sobol", 4, rows), 0).unwrap();
        let names: Vec<&str> = found.answers.iter().map(|a| a.name.as_str()).collect();
        assert_eq!(names, ["verdict:collapsed", "verdict:metastable", "verdict:overloaded", "verdict:stable", "y"]);
        assert_eq!(found.answers[0].share, Some(share(2, 3)));
        let spread = found.answers[4].spread.unwrap();
        assert_eq!((spread.rows, spread.mean, spread.quantiles[1], found.failed), (3, 2.0, 2.0, 1));
    }

    #[test]
    fn a_file_that_says_nothing_is_refused() {
        assert_eq!(summary("time,x\n", 0), Err(SummaryError::Foreign));
        assert_eq!(summary(&file("grid", 1, "0,1,stable,1,\n"), 0), Err(SummaryError::Grid));
        assert_eq!(
            summary(&file("sobol", 2, "0,1,stable,1,\n"), 0),
            Err(SummaryError::Incomplete { wanted: 2, found: 1 })
        );
        assert_eq!(summary(&file("sobol", 1, "5,1,stable,1,\n"), 0), Err(SummaryError::Row(0)));
    }
}
