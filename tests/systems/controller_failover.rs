//! Failovers through a controller: clusters = g/job (ask_again late + (1 - late)/failure_rate), g = h/(h + 1).

use crate::common::analysis;
use crate::cures::To::{Down, Gone, Same, Up};
use crate::cures::{outcome, variants};
use crate::curve::{curve, holds, logistic};
use tipping::answers::analysis::Verdict::{Overloaded, Stable, Vulnerable};

const NAME: &str = "controller-failover";

#[test]
fn limits_are_those_of_the_closed_form() {
    for (job, ask_again) in [(0.02, 30.0), (0.005, 30.0), (0.02, 90.0)] {
        let clusters = |h: f64| {
            let knee = 10.0 / job;
            let late = logistic(10.0 * (h - knee) / knee);
            h / (h + 1.0) / job * (ask_again * late + (1.0 - late) * 3600.0)
        };
        let a = holds(NAME, &[&format!("job={job} s"), &format!("ask_again={ask_again} s")], curve(clusters, 0.1, 1e9));
        // what the text says: ask_again/job, within the 0.1 % by which g is below 1 there
        let recovery = a.recovery_load.expect("a recovery size").value;
        assert!((recovery * job / ask_again - 1.0).abs() < 1e-3, "{recovery}");
    }
}

#[test]
fn cures_move_the_limits_as_they_say() {
    variants(
        NAME,
        &[
            ("patient-retries", Stable, Same, Up),
            ("cells", Stable, Same, Same),
            ("constant-work", Stable, Down, Gone),
            ("constant-work-unpaid", Overloaded, Down, Gone),
            ("all-cures", Stable, Same, Up),
        ],
    );
}

#[test]
fn past_a_blast_size_it_never_recovers_unless_the_work_is_constant() {
    let failing = |share: f64, more: &[&str]| {
        let count = 3000.0 * share;
        let (waiting, handled) =
            (format!("trigger.zone-fails.kick.waiting={count}"), format!("trigger.zone-fails.kick.handled={count}"));
        let overrides: Vec<&str> =
            [waiting.as_str(), handled.as_str()].into_iter().chain(more.iter().copied()).collect();
        let a = analysis(NAME, &overrides);
        (a.verdict, outcome(&a, "zone-fails"))
    };
    assert_eq!(failing(0.3, &[]), (Vulnerable, "heals"));
    assert_eq!(failing(0.6, &[]), (Vulnerable, "tips"));
    assert_eq!(failing(1.0, &["constant_work=1", "job=6.67 ms"]), (Stable, "heals"));
    // below ask_again/job = 1500 clusters the same jobs heal also after a failure of all
    assert_eq!(failing(0.46, &["clusters=1400"]), (Stable, "heals"));
}

#[test]
fn the_controller_is_idle_while_all_of_it_is_at_risk() {
    // utilisation in the good state: clusters failure_rate job = 3000/3600 x 0.02 = 1.7 %
    let a = analysis(NAME, &[]);
    let good = a.states.iter().find(|s| s.name == "good").expect("a good state");
    let handled = good.state["handled"].as_f64().expect("a number");
    assert!((handled / (handled + 1.0) - 3000.0 / 3600.0 * 0.02).abs() < 1e-4, "{handled}");
    assert_eq!(a.states.last().map(|s| s.name.as_str()), Some("escape"));
}
