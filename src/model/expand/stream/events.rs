//! The attempts of a stream as events, for paths: what happens at one instant, and what comes of it later.

use super::super::Builder;
use super::super::station::Fate;
use super::hedge::Hedging;
use super::{Next, Try, Watchers};
use crate::model::types::{CallPolicy, Closure};
use crate::process::event::{Event, Later, Outcome};
use crate::process::graph::{Binary, Node, Op};

impl Builder<'_> {
    /// Events of the attempts of a stream. Outcomes of attempt k, with A the share of retries the budget allows and F a
    /// failure that is retried:
    ///
    /// ```text
    /// refused and retried            rejected · A                      to the next wait, at once
    /// late and retried               timed out · A                     queue + 1; to the next wait a timeout later
    /// failed and retried             failed · A                        queue + 1; to the next wait, at once
    /// accepted and nothing follows   accepted - retried of accepted    queue + 1
    /// ```
    ///
    /// With hedges the second line is that of an event of its own, which the attempt fires a delay later (see [`super::hedge`]).
    #[expect(clippy::too_many_arguments, reason = "one place, and each is a different thing")]
    pub(super) fn attempt_events(
        &mut self,
        name: &str,
        policy: &CallPolicy,
        (fate, hedging): (Fate, Option<Hedging>),
        queue: usize,
        allowed: Option<Node>,
        tries: &[Try],
        watchers: Watchers,
    ) {
        let base = self.process.events.len();
        let timeout = policy.timeout.as_ref().map(|t| self.number(t));
        let zero = self.c(0.0);
        let on = policy.retry.as_ref().map(|r| r.on);
        // A timeout that is not felt at a fixed time has a transition of its own.
        let on_timeout = on.is_some_and(|on| on.timeout) && Self::felt_on_time(policy) && policy.timeout.is_some();
        let allowed = match &policy.retry {
            Some(retry) if retry.probability.value != 1.0 => {
                let all = allowed.unwrap_or_else(|| self.c(1.0));
                Some(self.with_probability(retry, all))
            }
            _ => allowed,
        };
        let drops = self.process.graph.value(fate.dropped) != Some(0.0);
        let in_vain = if drops { self.sub(fate.timed_out, fate.dropped) } else { fate.timed_out };
        let all_allowed = allowed;
        let odds = hedging.map(|h| (h, self.hedge_odds(&h)));
        for (k, attempt) in tries.iter().enumerate() {
            let allowed = match (all_allowed, attempt.onward) {
                (Some(x), Some(y)) => Some(self.mul(x, y)),
                (x, y) => x.or(y),
            };
            let enters = |watcher: Option<usize>| -> Vec<(usize, f64)> {
                std::iter::once((queue, 1.0)).chain(watcher.map(|w| (w, 1.0))).collect()
            };
            let failures = [
                (on.is_some_and(|on| on.reject), fate.rejected, Vec::new(), zero),
                (on_timeout, in_vain, enters(watchers.in_vain), timeout.unwrap_or(zero)),
                (on.is_some_and(|on| on.error), fate.failed, enters(watchers.in_time), zero),
            ];
            let mut outcomes = Vec::new();
            // What is left of the late and of the others once those who will be back are taken out.
            let on_time = self.add(fate.answered, fate.failed);
            let mut rest = [zero, in_vain, on_time];
            if let Some(misses) = attempt.misses {
                rest = rest.map(|share| self.mul(share, misses));
            }
            for (i, (on, share, jumps, after)) in failures.into_iter().enumerate() {
                let there = on && self.process.graph.value(share) != Some(0.0) && !(odds.is_some() && i == 1);
                let Some(next) = attempt.next.filter(|_| there) else { continue };
                let probability = allowed.map_or(share, |a| self.mul(share, a));
                let probability = attempt.misses.map_or(probability, |m| self.mul(probability, m));
                rest[i] = self.sub(rest[i], probability);
                let delay = self.add(after, next.fixed);
                let outcome = self.retried_outcome(probability, jumps, delay, base, next);
                outcomes.push(outcome);
            }
            for (i, watcher) in [(1, watchers.in_vain), (2, watchers.in_time)] {
                let nothing_left = match self.process.graph.op(rest[i]) {
                    Op::Binary(Binary::Sub, a, b) => a == b,
                    _ => self.process.graph.value(rest[i]) == Some(0.0),
                };
                if !nothing_left {
                    outcomes.push(Outcome { probability: rest[i], jumps: enters(watcher), later: None });
                }
            }
            if let Some((hedging, (hedged, _))) = &odds {
                // The hedged are those of the late and the answered that are still there.
                for outcome in outcomes.iter_mut().filter(|o| o.later.is_none() && o.jumps == enters(None)) {
                    outcome.probability = zero;
                }
                let accepted = self.not(fate.rejected);
                let rest = self.sub(accepted, *hedged);
                let retried = if on.is_some_and(|on| on.error) && attempt.next.is_some() {
                    allowed.map_or(fate.failed, |a| self.mul(fate.failed, a))
                } else {
                    zero
                };
                let rest = self.sub(rest, retried);
                outcomes.retain(|o| self.process.graph.value(o.probability) != Some(0.0));
                outcomes.push(Outcome { probability: rest, jumps: enters(None), later: None });
                let later = Later { delay: hedging.after, jumps: Vec::new(), fires: Some(base + tries.len() + k) };
                outcomes.push(Outcome { probability: *hedged, jumps: enters(None), later: Some(later) });
            }
            // Those whom no slot will take do not enter the queue that counts.
            if let Some(next) = attempt.next.filter(|_| drops && on_timeout) {
                let share = attempt.misses.map_or(fate.dropped, |misses| self.mul(misses, fate.dropped));
                let probability = allowed.map_or(share, |a| self.mul(share, a));
                let delay = self.add(timeout.unwrap_or(zero), next.fixed);
                let outcome = self.retried_outcome(probability, Vec::new(), delay, base, next);
                outcomes.push(outcome);
            }
            let jumps = attempt.from.map(|stage| (stage, -1.0)).into_iter().collect();
            let name = format!("{name}: attempt {}", k + 1);
            self.process.events.push(Event { name, rate: attempt.rate, dispersion: None, jumps, outcomes });
        }
        let Some((_, (_, [lost, alone]))) = odds else { return };
        for (k, attempt) in tries.iter().enumerate() {
            let enters = vec![(queue, 1.0)];
            let mut outcomes = Vec::new();
            let mut rest = self.not(fate.rejected);
            for ((share, wait), jumps) in [(lost, enters.clone()), (alone, Vec::new())] {
                let there = on_timeout && self.process.graph.value(share) != Some(0.0);
                let Some(next) = attempt.next.filter(|_| there) else { continue };
                let probability = allowed.map_or(share, |a| self.mul(share, a));
                if !jumps.is_empty() {
                    rest = self.sub(rest, probability);
                }
                let delay = self.add(wait, next.fixed);
                outcomes.push(self.retried_outcome(probability, jumps, delay, base, next));
            }
            outcomes.push(Outcome { probability: rest, jumps: enters, later: None });
            let name = format!("{name}: hedge of attempt {}", k + 1);
            self.process.events.push(Event { name, rate: None, dispersion: None, jumps: Vec::new(), outcomes });
        }
    }

    /// An attempt that fails and comes back.
    fn retried_outcome(
        &mut self,
        probability: Node,
        mut jumps: Vec<(usize, f64)>,
        delay: Node,
        base: usize,
        next: Next,
    ) -> Outcome {
        let later = match next.stage {
            Some(stage) if self.process.graph.value(delay) == Some(0.0) => {
                jumps.push((stage, 1.0));
                None
            }
            Some(stage) => Some(Later { delay, jumps: vec![(stage, 1.0)], fires: None }),
            None => Some(Later { delay, jumps: Vec::new(), fires: Some(base + next.attempt) }),
        };
        Outcome { probability, jumps, later }
    }

    /// Only paths need events, and paths need one state per queue: its length.
    pub(in crate::model::expand) fn joins_events(&self) -> bool {
        self.closure == Closure::Fluid
    }

    /// Marks the transition added last as part of an event.
    pub(in crate::model::expand) fn join_last(&mut self, joint: bool) {
        if let Some(last) = self.process.transitions.last_mut() {
            last.joint = joint;
        }
    }
}
