//! Which way each design of the founding example and of the fleet models moves the limits; and that every model that has cures
//! is stable at its stated load with all of them.

mod common;
#[path = "systems/cures.rs"]
mod cures;

use cures::To::{Down, Gone, Same, Up};
use cures::{outcomes, variants};
use std::path::{Path, PathBuf};
use tipping::answers::analysis::Verdict::{Overloaded, Stable, Vulnerable};
use tipping::answers::analysis::analyze;
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
            ("all-cures", Stable, Gone, Gone),
        ],
    );
}

#[test]
fn cures_of_an_autoscaler() {
    variants(
        "autoscaler",
        &[
            ("image", Stable, Same, Up),
            ("image-restarts", Vulnerable, Same, Up),
            ("goodput-signal", Vulnerable, Same, Up),
            ("small-steps", Vulnerable, Same, Same),
            ("one-attempt", Vulnerable, Same, Up),
            ("all-cures", Stable, Gone, Gone),
        ],
    );
}

#[test]
fn cures_of_an_image_resizer() {
    variants(
        "image-resizer",
        &[
            ("thirty-two", Vulnerable, Down, Down),
            ("one-attempt", Stable, Same, Gone),
            ("two-attempts", Vulnerable, Same, Up),
            ("four-attempts", Vulnerable, Same, Down),
            ("rack-lost", Vulnerable, Down, Down),
            ("cache-flushed", Overloaded, Down, Down),
            ("budget", Stable, Same, Up),
            ("all-cures", Stable, Same, Up),
        ],
    );
}

#[test]
fn cures_of_a_java_heap() {
    variants(
        "java-heap",
        &[("few-threads", Stable, Same, Up), ("more-heap", Stable, Up, Up), ("all-cures", Stable, Up, Up)],
    );
    assert_eq!(outcomes("java-heap", "more-heap"), [("load-step".to_owned(), "heals")]);
}

#[test]
fn cures_of_a_load_balancer() {
    variants(
        "load-balancer",
        &[
            ("panic", Stable, Same, Up),
            ("few-ejected", Stable, Same, Up),
            ("no-ejection", Stable, Same, Gone),
            ("round-robin", Vulnerable, Same, Same),
            ("all-cures", Stable, Same, Up),
        ],
    );
}

#[test]
fn cures_of_a_lookaside_cache() {
    variants(
        "lookaside-cache",
        &[
            ("late-answers-fill", Stable, Same, Up),
            ("limited-fetches", Stable, Gone, Gone),
            ("short-queue", Stable, Gone, Gone),
            ("stale-while-revalidate", Vulnerable, Down, Same),
            ("warm-up", Vulnerable, Up, Up),
            ("all-cures", Stable, Gone, Gone),
        ],
    );
}

#[test]
fn cures_of_a_slow_error_path() {
    variants(
        "slow-error-path",
        &[
            ("cheap-errors", Stable, Up, Up),
            ("short-queue", Stable, Gone, Gone),
            ("retries", Vulnerable, Same, Down),
            ("slow-refusals", Stable, Gone, Gone),
            ("all-cures", Stable, Gone, Gone),
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
        // Without clients the load is a size of the design (clusters of a cell, bytes of a table), which a cure may well change.
        let design = loaded.model.clients.is_empty();
        assert!(design || study.load.value == load, "{name}: the load is not a cure");
        let analysis = analyze(&study, "").expect("the branch begins").analysis;
        assert_eq!(analysis.verdict, Stable, "{name}");
        for trigger in &analysis.triggers {
            assert_ne!(trigger.outcome, "tips", "{name}: {}", trigger.name);
        }
        checked += 1;
    }
    assert!(checked >= 25, "{checked}");
}
