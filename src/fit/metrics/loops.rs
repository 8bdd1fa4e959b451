//! Open or closed loop: whether the load went on while the service was slow.
//!
//! Users who wait for an answer before they ask again send less when the service slows down, so that a collapse hides in
//! the load itself (coordinated omission; Schroeder, Wierman & Harchol-Balter 2006, *NSDI*: 239-252). What a file says
//! about it:
//!
//! - a generator that only knows one of the two (Locust, hey: users or workers that wait; vegeta: a rate);
//! - `dropped_iterations` of k6, which only its arrival-rate executors count;
//! - the scenario `default` of k6, which is what a script without scenarios is called, and such a script has virtual users;
//! - users that are all busy, all the time: N users who do not think keep N requests inside, whatever the times are.

use super::sink::{Note, Sink};
use super::sniff::Source;
use super::{FileFacts, Options};

/// Share of the users that must be inside, on average, to count as always busy.
const BUSY: f64 = 0.9;

/// The user's word over that of the file, and a remark on what follows.
pub(super) fn judge(facts: &mut FileFacts, options: &Options, sink: &mut dyn Sink) {
    if let Some(told) = options.closed_loop {
        let option = if told { "--closed-loop" } else { "--open-loop" };
        (facts.closed_loop, facts.loop_evidence) = (Some(told), Some(format!("{option} says so")));
    }
    match (facts.closed_loop, &facts.loop_evidence) {
        (Some(true), Some(evidence)) => sink.note(Note::doubt(format!(
            "a closed loop sent this load ({evidence}): its users wait for answers, so the load falls when the service is slow; fit a model with `users` and `think`"
        ))),
        (None, _) if matches!(facts.source, Source::K6Csv | Source::K6Json) => sink.note(Note::doubt(
            "nothing says whether k6 sent an open load (arrival-rate executors) or a closed one (virtual users that wait): see the executor in its script and say --open-loop or --closed-loop",
        )),
        _ => {}
    }
}

impl FileFacts {
    /// Notes which loop it is, and why.
    pub(super) fn sent_by(&mut self, closed: bool, evidence: impl Into<String>) {
        (self.closed_loop, self.loop_evidence) = (Some(closed), Some(evidence.into()));
    }
}

/// What the output of k6 says about its executors.
#[derive(Debug, Default)]
pub(super) struct Executors {
    dropped: bool,
    unnamed: bool,
    named: bool,
    users: (f64, f64),
}

impl Executors {
    /// Iterations that an arrival-rate executor could not start.
    pub(super) fn dropped(&mut self) {
        self.dropped = true;
    }

    /// The scenario of a request.
    pub(super) fn scenario(&mut self, name: &str) {
        match name {
            "" => {}
            "default" => self.unnamed = true,
            _ => self.named = true,
        }
    }

    /// A reading of the number of virtual users.
    pub(super) fn users(&mut self, count: f64) {
        self.users.0 += count;
        self.users.1 += 1.0;
    }

    /// Says what it was; `inside` is the mean number of requests inside.
    pub(super) fn judge(&self, inside: f64, facts: &mut FileFacts) {
        let users = self.users.0 / self.users.1;
        if self.dropped {
            facts.sent_by(false, "iterations were dropped, which only arrival-rate executors do");
        } else if self.unnamed && !self.named {
            facts.sent_by(true, "its scenario is `default`: a script without scenarios has virtual users that wait");
        } else if users >= 1.0 && inside >= BUSY * users {
            let share = 100.0 * (inside / users).min(1.0);
            facts.sent_by(true, format!("on average {share:.0} % of its {users:.0} users wait for an answer"));
        }
    }
}
