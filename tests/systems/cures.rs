//! Which way each variant of a model moves its limits.

use std::path::Path;
use tipping::answers::analysis::{Analysis, Verdict, analyze};
use tipping::answers::study::Study;
use tipping::model;

/// Direction in which a limit moves. A limit that does not exist is above all others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum To {
    /// By more than 0.5 %.
    Up,
    Down,
    /// By less than 0.5 %.
    Same,
    /// There is none any more.
    Gone,
}

fn to(from: Option<f64>, now: Option<f64>) -> To {
    let (Some(from), Some(now)) = (from, now) else {
        return match (from, now) {
            (Some(_), None) => To::Gone,
            (None, Some(_)) => To::Down,
            _ => To::Same,
        };
    };
    match now / from - 1.0 {
        change if change > 0.005 => To::Up,
        change if change < -0.005 => To::Down,
        _ => To::Same,
    }
}

/// Asserts what every variant of a shipped model does: verdict at the stated load, tip-over load, recovery load. All
/// variants must be named, in the order of the file.
#[track_caller]
pub(crate) fn variants(name: &str, expected: &[(&str, Verdict, To, To)]) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(format!("{name}.toml"));
    let loaded = model::open(&path, &[]).unwrap_or_else(|d| panic!("{}", d.render(false)));
    let analysed = |model| analyze(&Study::new(model).expect("it compiles"), "").expect("the branch begins").analysis;
    let limits = |a: &Analysis| (a.tip_over_load.as_ref().map(|l| l.value), a.recovery_load.as_ref().map(|l| l.value));
    let base = limits(&analysed(loaded.model));
    let found: Vec<(String, Verdict, To, To)> = loaded
        .variants
        .into_iter()
        .map(|v| {
            let a = analysed(v.model.unwrap_or_else(|d| panic!("{}", d.render(false))));
            let (tip_over, recovery) = limits(&a);
            (v.name, a.verdict, to(base.0, tip_over), to(base.1, recovery))
        })
        .collect();
    let expected: Vec<_> = expected.iter().map(|(n, v, t, r)| ((*n).to_owned(), *v, *t, *r)).collect();
    assert_eq!(found, expected);
}

/// The outcomes of all triggers of a variant, by name.
pub(crate) fn outcomes(name: &str, variant: &str) -> Vec<(String, &'static str)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("models").join(format!("{name}.toml"));
    let loaded = model::open(&path, &[]).unwrap_or_else(|d| panic!("{}", d.render(false)));
    let chosen = loaded.variants.into_iter().find(|v| v.name == variant).expect("the variant");
    let model = chosen.model.unwrap_or_else(|d| panic!("{}", d.render(false)));
    let analysis = analyze(&Study::new(model).expect("it compiles"), "").expect("the branch begins").analysis;
    analysis.triggers.into_iter().map(|t| (t.name, t.outcome)).collect()
}

/// The outcome of one trigger of a model as it stands.
#[allow(dead_code, reason = "not all files of tests that share this one need it")]
pub(crate) fn outcome(analysis: &Analysis, trigger: &str) -> &'static str {
    analysis.triggers.iter().find(|t| t.name == trigger).expect("the trigger").outcome
}
