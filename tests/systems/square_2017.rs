//! Transactions tried up to 501 times: load = capacity g (1 - p)/(1 - p^tries).

use crate::common::{analysis, close};
use crate::cures::To::{Same, Up};
use crate::cures::{outcome, variants};
use crate::curve::{curve, holds};
use tipping::answers::analysis::Verdict::{Stable, Vulnerable};

const NAME: &str = "square-2017";

fn load(pending: f64, tries: f64, many: f64) -> f64 {
    let p = 0.9999 * pending * pending / (pending * pending + many * many);
    // the sum of a geometric series, term by term
    let each: f64 = (0..tries as usize).map(|k| p.powi(k as i32)).sum();
    1e4 * pending / (pending + 1.0) / each
}

#[test]
fn limits_are_those_of_the_closed_form() {
    for (tries, many) in [(501.0, 100.0), (3.0, 100.0), (20.0, 1000.0)] {
        let overrides = [format!("tries_most={tries}"), format!("many={many} req")];
        holds(NAME, &overrides.each_ref().map(String::as_str), curve(|x| load(x, tries, many), 0.1, 1e10));
    }
}

#[test]
fn restarts_do_not_help_and_lowering_the_bound_does() {
    let a = analysis(NAME, &[]);
    assert_eq!(a.verdict, Vulnerable);
    // a restart leaves the clients their pending transactions: it does not heal, it even tips the good state
    assert_eq!((outcome(&a, "deploy"), outcome(&a, "restart-of-the-store")), ("tips", "tips"));
    close(a.recovery_load.expect("a recovery load").value, 1e4 / 489.1, 2e-3);
    for (tries, heals) in [(501, false), (10, false), (3, true)] {
        let a = analysis(NAME, &[&format!("tries_most={tries}")]);
        assert_eq!(a.verdict == Stable, heals, "{tries}");
        assert_eq!(a.recovery_load.expect("a recovery load").value > 3000.0, heals, "{tries}");
    }
}

#[test]
fn cures_move_the_limits_as_they_say() {
    variants(
        NAME,
        &[
            ("lower-bound", Stable, Same, Up),
            ("ten-tries", Vulnerable, Same, Up),
            ("finer-keys", Vulnerable, Up, Same),
            ("all-cures", Stable, Up, Up),
        ],
    );
}
