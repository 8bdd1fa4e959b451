//! Which way each design of the founding example and of the fleet models moves the limits; and that every model that has cures
//! is stable at its stated load with all of them.

mod common;
#[path = "systems/cures.rs"]
mod cures;

use cures::To::{Down, Gone, Same, Up};
use cures::{To, outcomes, variants};
use std::path::{Path, PathBuf};
use tipping::answers::analysis::Verdict::{self, Stable, Vulnerable};
use tipping::answers::analysis::{Analysis, analyze};
use tipping::answers::study::Study;
use tipping::model;

#[test]
fn cures_of_a_retry_storm() {
    variants(
        "retry-storm",
        &[
            ("two-attempts", Vulnerable, Same, Up),
            ("budget", Stable, Same, Up),
            ("short-queue", Stable, Up, Up),
            ("half-more", Vulnerable, Up, Up),
            ("all-cures", Stable, Up, Up),
        ],
    );
}

/// Files of the models that have variants.
fn with_variants() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("models");
    let mut files: Vec<PathBuf> =
        std::fs::read_dir(folder).expect("models").map(|f| f.expect("a file").path()).collect();
    files.retain(|f| std::fs::read_to_string(f).is_ok_and(|text| text.contains("\n[variant.")));
    files.sort();
    files
}

/// Variants that are alternatives to each other, not cures that add up: ways of retrying, sizes of a back end.
const ALTERNATIVES: [&str; 2] = ["cold-cache", "retry-strategies"];

#[test]
fn every_model_with_all_its_cures_is_stable_at_its_stated_load() {
    let mut checked = 0;
    for file in with_variants() {
        let name = file.file_stem().expect("a name").to_string_lossy().into_owned();
        if ALTERNATIVES.contains(&name.as_str()) {
            continue;
        }
        let loaded = model::open(&file, &[]).unwrap_or_else(|d| panic!("{}", d.render(false)));
        let load = loaded.model.quantity(loaded.model.load_path().expect("a load")).expect("a load").value;
        let all = loaded.variants.into_iter().find(|v| v.name == "all-cures");
        let all = all.unwrap_or_else(|| panic!("{name} has no variant all-cures"));
        let study = Study::new(all.model.unwrap_or_else(|d| panic!("{}", d.render(false)))).expect("it compiles");
        assert_eq!(study.load.value, load, "{name}: the load is not a cure");
        let analysis = analyze(&study, "").expect("the branch begins").analysis;
        assert_eq!(analysis.verdict, Stable, "{name}");
        for trigger in &analysis.triggers {
            assert_ne!(trigger.outcome, "tips", "{name}: {}", trigger.name);
        }
        checked += 1;
    }
    assert!(checked >= 25, "{checked}");
}
