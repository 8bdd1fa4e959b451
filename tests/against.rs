//! Critical triggers as predicted, beside those of request-level simulation.

#![expect(clippy::print_stdout, reason = "the figures measured are what this test is for")]

mod common;

use common::{findings, study};
use tipping::answers::against::{Effort, against};

/// Ten triggers and two more, over five models with a capacity of 32 to 5,000 requests per second: loads that rise and
/// capacity that is lost. Takes minutes: `cargo test --release --test against -- --ignored --nocapture`.
#[test]
#[ignore = "takes minutes"]
fn critical_durations_are_those_of_simulated_requests() {
    let (mut close, mut all) = (0, 0);
    for (model, overrides, replications) in [
        ("retry-storm", &[][..], 1000),
        ("retry-storm", &["client.web.load=40 req/s"][..], 1000),
        ("small-pool", &[][..], 1000),
        ("batch-workers", &[][..], 300),
        ("api-gateway", &[][..], 200),
        ("checkout-fleet", &[][..], 60),
    ] {
        let study = study(model, overrides);
        let found = findings(&study);
        let effort = Effort { seed: 1, replications, horizon: 120.0, triggers: true };
        let compared = against(&study, &found, effort).expect("simulated");
        for trigger in &found.analysis.triggers {
            let row = |what: &str| {
                let name = format!("{}: {what}", trigger.name);
                compared.rows.iter().find(|r| r.quantity == name)
            };
            let (Some(middle), Some(spread)) = (row("critical duration"), row("its spread, p90 - p10")) else {
                continue;
            };
            println!(
                "{model} {overrides:?}, {}: p50 {:.4} s, simulated {:.4} ± {:.4} ({:+.1} %); p90 - p10 {:.4} s, simulated {:.4} ± {:.4} ({:+.0} %)",
                trigger.name,
                middle.fluid,
                middle.referee,
                middle.error,
                100.0 * middle.relative,
                spread.fluid,
                spread.referee,
                spread.error,
                100.0 * spread.relative
            );
            all += 1;
            close += usize::from(middle.relative.abs() < 0.05 && spread.relative.abs() < 0.2);
        }
    }
    println!("{close} of {all} with p50 within 5 % and p90 - p10 within 20 %");
    assert!(close >= 10, "only {close} of {all}");
}
