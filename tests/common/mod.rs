//! What several acceptance tests share.
#![allow(dead_code, unreachable_pub, reason = "each test uses some of it")]

pub mod held;

use std::path::Path;
use tipping::answers::analysis::{Analysis, Findings, analyze};
use tipping::answers::study::Study;
use tipping::model::{self, Override};

/// A shipped model with overrides, compiled.
pub fn study(name: &str, overrides: &[&str]) -> Study {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(format!("{name}.toml"));
    let overrides: Vec<Override> = overrides.iter().map(|o| Override::new(*o)).collect();
    let loaded = model::open(&path, &overrides).unwrap_or_else(|d| panic!("{}", d.render(false)));
    Study::new(loaded.model).expect("the model can be studied")
}

/// A model given as text, compiled.
pub fn study_of(text: &str, overrides: &[&str]) -> Study {
    let overrides: Vec<Override> = overrides.iter().map(|o| Override::new(*o)).collect();
    let loaded = model::load(text, "test", &overrides).unwrap_or_else(|d| panic!("{}", d.render(false)));
    Study::new(loaded.model).expect("the model can be studied")
}

/// Everything found about a study.
pub fn findings(study: &Study) -> Findings {
    analyze(study, "").expect("the branch begins")
}

/// The analysis of a shipped model with overrides.
pub fn analysis(name: &str, overrides: &[&str]) -> Analysis {
    findings(&study(name, overrides)).analysis
}

/// Asserts that `value` is within a relative `tolerance` of `expected`.
#[track_caller]
pub fn close(value: f64, expected: f64, tolerance: f64) {
    assert!(
        (value - expected).abs() <= tolerance * expected.abs(),
        "{value} is not within {tolerance} of {expected}: off by {}",
        value / expected - 1.0
    );
}
