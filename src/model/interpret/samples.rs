//! Measured service times: a file named by `samples`, one duration in seconds on a line.
//!
//! Without `service_time` the durations are taken as they are, and their mean becomes the service time; with it they are
//! scaled to that mean; their variability takes the place of a `variability` that is not given. Either way the service time stays one number that `--set` and triggers can change.

use crate::model::diagnostic::Diagnostic;
use crate::model::quantity;
use crate::model::reader::Reader;
use crate::model::render::quoted;
use crate::model::types::{Distribution, Quantity, Service};
use crate::process::dimension::Dimension;
use std::path::Path;

/// Largest file of samples, in bytes.
const LARGEST: u64 = 100_000_000;

/// Reads the samples of a service, and checks that it has a service time.
pub(super) fn attach(service: &mut Service, table: &Reader<'_>, base: Option<&Path>) {
    let title = format!("[service.{}]", service.name.value);
    let empirical = service.distribution.value == Distribution::Empirical;
    let missing = |key: &str, hint: &str| {
        let text = format!("`{key}` is missing");
        let diagnostic = Diagnostic::error("missing-key", format!("{title} needs `{key}`"));
        table.sink().push(diagnostic.at(service.name.span.clone(), text).hint(hint));
    };
    match table.text("samples") {
        None if table.node("samples").is_some() => {}
        None if empirical => {
            missing("samples", "write samples = \"service_times.csv\": one duration in seconds on a line");
        }
        Some(file) if !empirical => {
            let message = format!("`samples` of {title} is not used: `distribution` is not \"empirical\"");
            let diagnostic = Diagnostic::error("unused-samples", message).at(file.span, "");
            table.sink().push(diagnostic.hint("write distribution = \"empirical\", or leave out `samples`"));
        }
        None => {}
        Some(file) => {
            let path = base.unwrap_or(Path::new("")).join(&file.value);
            match read(&path) {
                Ok(samples) => service.samples = samples.into(),
                Err(reason) => {
                    let message = format!("the samples {} cannot be used: {reason}", quoted(&file.value));
                    let hint = "the file is looked for beside the model; it has one duration in seconds on a line";
                    table.sink().push(Diagnostic::error("bad-samples", message).at(file.span, "").hint(hint));
                }
            }
        }
    }
    if !service.samples.is_empty() && table.node("variability").is_none() {
        service.variability.value = variability(&service.samples);
    }
    if table.node("service_time").is_none() {
        if !service.samples.is_empty() {
            let mean = service.samples.iter().sum::<f64>() / service.samples.len() as f64;
            service.service_time = Quantity {
                value: mean,
                dimension: Dimension::TIME,
                unit: "s".to_owned(),
                ..quantity::unknown(&service.service_time.path)
            };
        } else if !empirical {
            let hint = "write service_time = \"1 s\": mean time in a slot, without its own calls";
            missing("service_time", hint);
        }
    }
}

/// Squared coefficient of variation of durations of positive mean.
fn variability(samples: &[f64]) -> f64 {
    let count = samples.len() as f64;
    let mean = samples.iter().sum::<f64>() / count;
    samples.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / count / (mean * mean)
}

/// Durations in seconds; a first line that is not a number is a head.
fn read(path: &Path) -> Result<Vec<f64>, String> {
    let said = |error: std::io::Error| error.to_string();
    if std::fs::metadata(path).map_err(said)?.len() > LARGEST {
        return Err("it has more than 100 MB".to_owned());
    }
    let text = std::fs::read_to_string(path).map_err(said)?;
    let lines =
        text.lines().enumerate().map(|(i, line)| (i, line.trim().trim_end_matches(','))).filter(|l| !l.1.is_empty());
    let mut samples = Vec::new();
    for (i, line) in lines {
        match line.parse::<f64>() {
            Ok(value) if value.is_finite() && value >= 0.0 => samples.push(value),
            Ok(_) => return Err(format!("line {} is not a duration: {}", i + 1, quoted(line))),
            Err(_) if samples.is_empty() && i == 0 => {}
            Err(_) => return Err(format!("line {} is not a number: {}", i + 1, quoted(line))),
        }
    }
    let mean = samples.iter().sum::<f64>() / samples.len().max(1) as f64;
    if samples.is_empty() || mean.is_nan() || mean <= 0.0 {
        Err("it holds no durations".to_owned())
    } else {
        Ok(samples)
    }
}
