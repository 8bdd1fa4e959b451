//! `tipping rules`: recording and alerting rules for Prometheus.

use super::failure::Failure;
use super::files;
use super::input::{Input, ModelArgument};
use super::progress::Spinner;
use super::{Exit, Session};
use crate::answers::analysis::analyze_with_noise;
use crate::answers::rules::{RulesError, cases, rules};
use crate::answers::thresholds::Thresholds;
use crate::report::rules::{Origin, document, rule_file, test_file, value};
use crate::report::{json, markdown, text};
use std::path::{Path, PathBuf};

/// Which alarms does this model ask for, as recording and alerting rules for Prometheus with unit tests?
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tipping rules retry-storm
  tipping rules my.toml -o monitoring
  tipping rules my.toml -o monitoring --map 'offered=sum(rate(http_requests_total{attempt=\"1\"}[1m]))' \\
      --map 'inflight=sum(http_requests_in_flight)'
  promtool test rules monitoring/rules_test.yml

With -o DIR writes rules.yml and rules_test.yml there; with -o FILE.yml that file and FILE_test.yml beside it; without -o
prints the rules. Inputs that are not mapped are called tipping_offered and so on. All series are in base units: requests per second,
requests, seconds, shares of one. Exit code 3, and no file, if the analysis of the model is inconclusive.")]
pub(super) struct Arguments {
    #[command(flatten)]
    model: ModelArgument,
    /// PromQL of an input, such as offered='sum(rate(requests_total[1m]))'; repeatable, or separated by commas.
    #[arg(long, value_name = "INPUT=PROMQL")]
    map: Vec<String>,
    /// Directory for rules.yml and rules_test.yml, or a file that ends in .yml or .yaml.
    #[arg(short, long, value_name = "PATH")]
    output: Option<PathBuf>,
    /// How the answer is printed. Default: yaml, or text with -o.
    #[arg(long, value_enum)]
    format: Option<Format>,
}

#[derive(Debug, Clone, Copy, clap::ValueEnum)]
enum Format {
    /// The rules, for Prometheus.
    Yaml,
    /// For people.
    Text,
    /// For programs: tipping.rules/1.
    Json,
    /// For documents.
    Md,
}

pub(super) fn run(arguments: &Arguments, session: &Session) -> Result<Exit, Failure> {
    let expressions = expressions(&arguments.map)?;
    let places = arguments.output.as_deref().map(places).transpose()?;
    let input = Input::read(&arguments.model, &session.overrides, session.terminal)?;
    let study = input.at_rest(None)?;
    let spinner = Spinner::new(session.terminal, "analysing");
    let pool = rayon::ThreadPoolBuilder::new().num_threads(session.threads.get()).build();
    let pool = pool.map_err(|e| Failure::Unsolved(format!("no threads to work with: {e}")))?;
    let (own, sha256, seed) = (study.clone(), input.sha256.clone(), session.seed);
    let thresholds = pool.install(move || {
        let findings = analyze_with_noise(&own, &sha256, seed).map_err(|e| Failure::Unsolved(e.to_string()))?;
        Thresholds::of(&own, &findings).map_err(|e| Failure::Unsolved(e.to_string()))
    })?;
    drop(spinner);
    let rules = rules(&study, &thresholds, &expressions).map_err(|error| refused(&error))?;
    let cases = cases(&rules, &thresholds);
    let origin = Origin { title: &study.model.meta.title, file: &input.name, sha256: &input.sha256 };
    let written = rule_file(&rules, &origin);
    if let Some((rule_path, test_path)) = &places {
        let name = rule_path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        let tests = test_file(&rules, &cases, &origin, name);
        files::write(rule_path, written.as_bytes())?;
        files::write(test_path, tests.as_bytes())?;
        session.terminal.note(&format!("wrote {} and {}", rule_path.display(), test_path.display()));
    }
    let names: Vec<String> = places.iter().flat_map(|(a, b)| [a, b]).map(|path| path.display().to_string()).collect();
    let format = arguments.format.unwrap_or(if places.is_some() { Format::Text } else { Format::Yaml });
    let answer = match format {
        Format::Yaml => written,
        Format::Text => text::render(&document(&rules, &cases, &names)),
        Format::Json => json::pretty(&value(&rules, &cases, &origin)),
        Format::Md => markdown::render(&document(&rules, &cases, &names)),
    };
    session.terminal.result(&answer)?;
    Ok(Exit::Fine)
}

/// Files of rules and of their tests.
fn places(output: &Path) -> Result<(PathBuf, PathBuf), Failure> {
    let extension = output.extension().and_then(|e| e.to_str()).unwrap_or_default();
    if !matches!(extension, "yml" | "yaml") || output.is_dir() {
        return Ok((output.join("rules.yml"), output.join("rules_test.yml")));
    }
    let stem = output.file_stem().and_then(|s| s.to_str());
    let stem = stem.ok_or_else(|| Failure::usage("-o has no file name", "for example -o rules.yml"))?;
    Ok((output.to_owned(), output.with_file_name(format!("{stem}_test.{extension}"))))
}

/// `name=PromQL`, several in a row with commas that stand outside of brackets and quotation marks.
fn expressions(typed: &[String]) -> Result<Vec<(String, String)>, Failure> {
    let mut found = Vec::new();
    for part in typed.iter().flat_map(|text| split(text)) {
        let shape = || {
            Failure::usage(
                format!("`{part}` is not INPUT=PROMQL"),
                "for example --map offered='sum(rate(requests_total[1m]))'",
            )
        };
        let (name, expr) = part.split_once('=').ok_or_else(shape)?;
        found.push((name.trim().to_ascii_lowercase().replace('-', "_"), expr.trim().to_owned()));
    }
    Ok(found)
}

fn split(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let (mut depth, mut quote, mut escaped) = (0_usize, None, false);
    for letter in text.chars() {
        match (quote, letter) {
            (Some(_), _) if escaped => escaped = false,
            (Some(mark), '\\') if mark != '`' => escaped = true,
            (Some(mark), c) if c == mark => quote = None,
            (Some(_), _) => {}
            (None, '"' | '\'' | '`') => quote = Some(letter),
            (None, '(' | '[' | '{') => depth += 1,
            (None, ')' | ']' | '}') => depth = depth.saturating_sub(1),
            (None, ',') if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            (None, _) => {}
        }
        if let Some(last) = parts.last_mut() {
            last.push(letter);
        }
    }
    parts
}

fn refused(error: &RulesError) -> Failure {
    let message = error.to_string();
    match error {
        RulesError::NoInput { known, .. } => Failure::usage(message, format!("there are {}", known.join(", "))),
        RulesError::Expression { .. } => {
            Failure::usage(message, "write PromQL without comments; quote it for the shell")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{places, split};
    use std::path::Path;

    #[test]
    fn commas_within_expressions_do_not_separate() {
        let text = "offered=sum by (a, b) (rate(x{c=\"d,e\", f='(,'}[1m])),goodput=y";
        assert_eq!(split(text), ["offered=sum by (a, b) (rate(x{c=\"d,e\", f='(,'}[1m]))", "goodput=y"]);
    }

    #[test]
    fn a_directory_or_a_file() {
        let (rules, tests) = places(Path::new("a/b")).expect("a directory");
        assert_eq!((rules.to_str(), tests.to_str()), (Some("a/b/rules.yml"), Some("a/b/rules_test.yml")));
        let (rules, tests) = places(Path::new("a/b.yaml")).expect("a file");
        assert_eq!((rules.to_str(), tests.to_str()), (Some("a/b.yaml"), Some("a/b_test.yaml")));
    }
}
