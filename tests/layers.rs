//! The system layer and the equation layer end in the same equations.

mod common;

use common::{findings, study, study_of};

/// retry-storm, written by hand.
const BY_HAND: &str = r#"
[model]
name = "by-hand"
load = "load"
goodput = "attempts * (1 - blocked) * (1 - late)"

[param]
load = "60 req/s"
timeout = "1 s"
backoff = "500 ms"
servers = "10 req"
hold = "100 ms"
limit = "300 req"

[state]
m = { start = 0, min = 0, max = 600, unit = "req", scale = 10 }
v = { start = 0, min = 0, unit = "req^2", scale = 10 }
o2 = { start = 0, min = 0, unit = "req", scale = 30 }
o3 = { start = 0, min = 0, unit = "req", scale = 30 }
o4 = { start = 0, min = 0, unit = "req", scale = 30 }

[output]
attempts = "load + (o2 + o3 + o4) / backoff"
served = "busy(m, v, servers) / hold"
over = "(m + 0.5 - limit) / sqrt(max(v, 1e-12))"
blocked = "normal_cdf(over)"
wait = "ahead(m, v, servers) * hold / servers + hold"
spread = "(ahead_variance(m, v, servers) + ahead(m, v, servers) * 1 req) * (hold / servers) ^ 2 + hold ^ 2"
late = "gamma_q(wait ^ 2 / spread, timeout * wait / spread)"
timed_out = "(1 - blocked) * late"

[[transition]]
name = "accepted"
rate = "attempts * (1 - blocked)"
jump = { m = 1 }

[[transition]]
name = "departure"
rate = "served"
jump = { m = -1 }

[[transition]]
name = "late_1"
rate = "load * timed_out"
jump = { o2 = 1 }
delay = "timeout"

[[transition]]
name = "late_2"
rate = "o2 / backoff * timed_out"
jump = { o3 = 1 }
delay = "timeout"

[[transition]]
name = "late_3"
rate = "o3 / backoff * timed_out"
jump = { o4 = 1 }
delay = "timeout"

[[transition]]
name = "refused_1"
rate = "load * blocked"
jump = { o2 = 1 }

[[transition]]
name = "refused_2"
rate = "o2 / backoff * blocked"
jump = { o3 = 1 }

[[transition]]
name = "refused_3"
rate = "o3 / backoff * blocked"
jump = { o4 = 1 }

[[transition]]
name = "retry_2"
rate = "o2 / backoff"
jump = { o2 = -1 }

[[transition]]
name = "retry_3"
rate = "o3 / backoff"
jump = { o3 = -1 }

[[transition]]
name = "retry_4"
rate = "o4 / backoff"
jump = { o4 = -1 }

[flow]
v = "(attempts * (1 - blocked) + served) * 1 req - 2 * busy_covariance(m, v, servers) / hold - 2 * attempts * sqrt(max(v, 1e-12)) * normal_pdf(over)"
"#;

#[test]
fn the_same_model_by_hand_has_the_same_equilibria() {
    let system = findings(&study("retry-storm", &[]));
    let hand = findings(&study_of(BY_HAND, &[]));
    let (a, b) = (&system.landscape.states, &hand.landscape.states);
    assert_eq!(a.len(), 3);
    assert_eq!(a.len(), b.len());
    for (x, y) in a.iter().zip(b) {
        assert_eq!(x.stable(), y.stable());
        for (u, v) in x.x.iter().zip(&y.x) {
            assert!((u - v).abs() <= 1e-10 * (1.0 + u.abs()), "{u} and {v}");
        }
    }
    let folds =
        |f: &tipping::answers::analysis::Findings| f.landscape.branch.folds().map(|f| f.parameter).collect::<Vec<_>>();
    for (u, v) in folds(&system).iter().zip(folds(&hand)) {
        assert!((u - v).abs() < 1e-8, "{u} and {v}");
    }
}
