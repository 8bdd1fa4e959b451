//! Harvest against yield: load = a (1 - again (1 - yield)).

use crate::common::{analysis, close};
use crate::cures::To::{Gone, Up};
use crate::cures::variants;
use crate::curve::{curve, holds, logistic};
use statrs::distribution::{Binomial, ContinuousCDF, DiscreteCDF, Normal};
use tipping::answers::analysis::Verdict::{Stable, Vulnerable};

const NAME: &str = "search-harvest";

fn harvest(queue: f64, deadline: f64) -> f64 {
    (1.0 - logistic((queue - 200.0) / 3.0)) * (1.0 - (-100.0 * deadline / (queue + 1.0)).exp())
}

#[test]
fn limits_are_those_of_the_closed_form() {
    let normal = Normal::new(0.0, 1.0).expect("standard");
    for (least, again, deadline) in [(0.95, 0.7, 0.2), (0.5, 0.7, 0.2), (0.9, 0.4, 0.5)] {
        let load = |queue: f64| {
            let h = harvest(queue, deadline);
            let answered = normal.cdf((100.0 * (h - least) + 0.5) / (100.0 * h * (1.0 - h) + 0.01).sqrt());
            let attempts = 100.0 * queue / (queue + 1.0) / (1.0 - logistic((queue - 200.0) / 3.0));
            attempts * (1.0 - again * (1.0 - answered))
        };
        let overrides = [format!("least_harvest={least}"), format!("again={again}"), format!("deadline={deadline} s")];
        holds(NAME, &overrides.each_ref().map(String::as_str), curve(load, 0.1, 260.0));
    }
}

#[test]
fn cures_move_the_limits_as_they_say() {
    variants(
        NAME,
        &[
            ("half-is-enough", Vulnerable, Up, Up),
            ("longer-deadline", Vulnerable, Up, Up),
            ("fewer-retries", Stable, Up, Up),
            ("short-queue", Vulnerable, Up, Up),
            ("all-cures", Stable, Up, Gone),
        ],
    );
}

#[test]
fn less_harvest_buys_yield_as_the_binomial_law_says() {
    // Nobody asks again, so that the queue is that of 80 queries per second whatever is answered: 4 inside.
    let found: Vec<f64> = [0.90, 0.94, 0.97, 0.99, 1.0]
        .into_iter()
        .map(|least: f64| {
            let a = analysis(NAME, &["load=80 req/s", "again=0", &format!("least_harvest={least}")]);
            let state = a.states.iter().find(|s| s.stable).expect("a stable state");
            close(state.state["queue"].as_f64().expect("a number"), 4.0, 1e-6);
            let answered = state.yield_.expect("a yield");
            let binomial = Binomial::new(harvest(4.0, 0.2), 100).expect("a share");
            let needed = (100.0 * least).round() as u64;
            // the normal law with continuity correction is within 1/(2 sqrt(n p q)) ~ 0.05 near p = 0.98 (Berry-Esseen gives 0.3)
            assert!(
                (answered - binomial.sf(needed - 1)).abs() < 0.05,
                "{least}: {answered} {}",
                binomial.sf(needed - 1)
            );
            answered
        })
        .collect();
    assert!(found.windows(2).all(|pair| pair[0] > pair[1]), "{found:?}");
    assert!(found[0] > 0.999 && found[4] < 0.3, "{found:?}");
}
