//! Closed loops: a fixed number of users who think, wait for an answer, or are in back-off.

use super::super::Builder;
use super::super::station::Station;
use super::many::shares_backoff;
use super::{Stream, Watchers};
use crate::model::types::{Budget, CallPolicy, Client, Quantity, Stops};
use crate::process::dimension::Dimension;
use crate::process::field::StateInfo;
use crate::process::graph::Binary;
use crate::process::lower::Type;
use crate::process::population::State;

impl Builder<'_> {
    /// Closed loop: users who think, wait, or are in back-off.
    pub(super) fn closed_loop(&mut self, client: &Client, users: &Quantity, think: &Quantity) -> Option<Stream> {
        let name = client.name.value.clone();
        let all = self.number(users);
        let pause = self.number(think);
        let waiting_state = |b: &mut Self, suffix: &str, about: &str| {
            b.process.state(State {
                info: StateInfo {
                    name: format!("{name}.{suffix}"),
                    start: 0.0,
                    lower: 0.0,
                    upper: 2.0 * users.value,
                    scale: (0.1 * users.value).max(1.0),
                },
                unit: "req".to_owned(),
                about: about.to_owned(),
            })
        };
        let (served, in_time) = waiting_state(self, "waiting", "users whose attempt will be answered in time");
        let has_timeout = client.policy.timeout.is_some();
        let vain = has_timeout.then(|| waiting_state(self, "waiting_in_vain", "users whose attempt will time out"));
        // Back-off states do not exist yet: first attempts are built on a placeholder state that is the sum of them.
        let before = self.process.states.len() + control_states(&client.policy);
        let policy = self.within_deadline(&client.policy);
        let probe = self.backoff_states(&policy);
        let mut away = vec![in_time];
        away.extend(vain.map(|v| v.1));
        away.extend((before..before + probe).map(|i| self.process.graph.state(i)));
        let busy = self.process.graph.sum(&away);
        let left = self.sub(all, busy);
        let zero = self.c(0.0);
        let thinking = self.process.graph.binary(Binary::Max, zero, left);
        let first = self.div(thinking, pause);
        let scale = users.value / think.value.max(1e-3);
        let watchers = Watchers { in_time: Some(served), in_vain: vain.map(|v| v.0) };
        let stream = self.stream(&name, &client.calls.value, &client.policy, (first, scale), watchers)?;
        let joint = self.joins_events();
        let station: Station = self.stations.get(&client.calls.value).cloned()?;
        let station = self.seen_by(&name, &client.calls.value, station);
        self.output(
            format!("{name}.thinking"),
            thinking,
            Type::Quantity(Dimension::REQUEST),
            "req",
            "users between requests",
        );
        let answered = self.add(stream.fate.answered, stream.fate.failed);
        let entering = self.mul(stream.attempts, answered);
        let stay = match &client.policy.timeout {
            None => station.wait,
            Some(timeout) => {
                let timeout = self.number(timeout);
                // E[W | W <= τ]; tends to τ when nothing is in time.
                let within = self.within(&station, &client.policy, timeout);
                let on_time = self.not(stream.fate.late);
                let tiny = self.c(1e-9);
                let up = self.mul(tiny, timeout);
                let (up, down) = (self.add(within, up), self.add(on_time, tiny));
                self.div(up, down)
            }
        };
        let leaving = self.div(in_time, stay);
        self.process.transition(format!("{name}: attempt sent, will be answered"), entering, vec![(served, 1.0)], None);
        self.join_last(joint);
        self.process.transition(format!("{name}: answer"), leaving, vec![(served, -1.0)], None);
        if let Some((index, node)) = vain {
            let timeout = self.time_in_vain(&station, &client.policy, stream.fate.late);
            let entering = self.mul(stream.attempts, stream.fate.timed_out);
            let leaving = self.div(node, timeout);
            self.process.transition(format!("{name}: attempt sent, will be late"), entering, vec![(index, 1.0)], None);
            self.join_last(joint);
            self.process.transition(format!("{name}: timeout"), leaving, vec![(index, -1.0)], None);
        }
        Some(stream)
    }

    /// How many back-off states a policy will create.
    fn backoff_states(&mut self, policy: &CallPolicy) -> usize {
        let Some(retry) = &policy.retry else { return 0 };
        let Some(last) = self.distinct_attempts(retry) else { return 0 };
        let stages =
            |b: &mut Self, k: usize| b.wait_stages(policy, retry, k, k == last && shares_backoff(retry)).1 as usize;
        (2..=last).map(|k| stages(self, k)).sum()
    }
}

/// How many states its budget, breaker and limits will have.
fn control_states(policy: &CallPolicy) -> usize {
    let budget = match policy.retry.as_ref().filter(|r| r.attempts.value > 1.0).and_then(|r| r.budget.as_ref()) {
        None => 0,
        Some(Budget::Concurrency { .. }) => 2,
        Some(_) => 1,
    };
    let breaker = policy.breaker.as_ref().map_or(0, |rule| {
        1 + usize::from(rule.window.value.is_infinite())
            + usize::from(rule.stops.value == Stops::Calls || rule.open.value > 0.0)
    });
    budget + breaker + usize::from(policy.rate_limit.is_some()) + 2 * usize::from(policy.throttle.is_some())
}
