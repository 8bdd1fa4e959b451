//! Waits between attempts: their stages, how many of them differ, and where a deadline ends them.
//!
//! Attempts without end, or more than [`super::MOST_ATTEMPTS`], share one back-off state from where the back-off no longer
//! changes. With f the share of attempts whose failure is retried, attempts of all indices together come at rate A, and of
//! N attempts at most the last is not followed by another: its share of A in equilibrium is
//!
//! ```text
//! π = f^{N-1} (1 - f)/(1 - f^N),   so that  A = a₁ + A f (1 - π) = a₁ (1 - f^N)/(1 - f)
//! ```
//!
//! exactly at rest, and quasi-statically otherwise; π = 0 for attempts without end. A wait that is fixed, or none at all, needs
//! a short random part for the state to be finite: a twentieth of the back-off or, without one, of the timeout.

use super::super::Builder;
use super::super::station::Fate;
use super::MOST_ATTEMPTS;
use crate::model::types::{CallPolicy, Jitter, Quantity, Retry};
use crate::process::graph::{Binary, Node, Unary};

/// Share of a fixed wait that is made random where attempts share a state.
const RANDOM_PART: f64 = 0.05;
/// Reaction time of callers that retry at once and have no timeout, in seconds.
const REACTION: f64 = 0.01;

/// Whether the last back-off is that of all later attempts.
pub(super) fn shares_backoff(retry: &Retry) -> bool {
    retry.attempts.value > MOST_ATTEMPTS
}

impl Builder<'_> {
    /// Number of attempts that are expanded one by one; the last stands for all later ones if [`shares_backoff`].
    pub(super) fn distinct_attempts(&mut self, retry: &Retry) -> Option<usize> {
        if !shares_backoff(retry) {
            return Some(retry.attempts.value as usize);
        }
        if retry.jitter == Jitter::Decorrelated {
            let hint = "write another jitter, or at most 64 attempts";
            let message = "so many attempts with decorrelated jitter have no equations";
            self.without_equations(&retry.attempts.span, message, hint);
            return None;
        }
        if retry.growth.value == 1.0 || retry.backoff.value == 0.0 {
            return Some(2);
        }
        let steps = (retry.cap.value / retry.backoff.value).ln() / retry.growth.value.ln();
        if steps.is_finite() && steps < MOST_ATTEMPTS {
            return Some(steps.ceil().max(0.0) as usize + 2);
        }
        let hint = "give a cap, for example cap = \"20 s\"";
        let message = "so many attempts with growing back-off need a cap within reach";
        self.without_equations(&retry.growth.span, message, hint);
        Some(2)
    }

    /// The wait before attempt k: a fixed part, then so many exponential stages of the same mean.
    pub(super) fn wait_stages(
        &mut self,
        policy: &CallPolicy,
        retry: &Retry,
        k: usize,
        forever: bool,
    ) -> (Node, u32, Node) {
        let backoff = self.backoff(retry, k);
        let zero = self.c(0.0);
        if retry.backoff.value == 0.0 {
            if !forever {
                return (zero, 0, backoff);
            }
            let part = self.c(RANDOM_PART);
            let reaction = match policy.timeout.as_ref().filter(|_| retry.on.timeout) {
                Some(timeout) => {
                    let timeout = self.number(timeout);
                    self.mul(part, timeout)
                }
                None => self.c(REACTION),
            };
            return (zero, 1, reaction);
        }
        match retry.jitter {
            Jitter::None if forever => {
                let part = self.c(RANDOM_PART);
                let random = self.mul(part, backoff);
                (self.sub(backoff, random), 1, random)
            }
            Jitter::None => (backoff, 0, backoff),
            Jitter::Exponential => (zero, 1, backoff),
            Jitter::Full => (zero, 3, self.part(backoff, 6.0)),
            Jitter::Equal => (self.part(backoff, 2.0), 3, self.part(backoff, 12.0)),
            Jitter::Decorrelated => {
                let base = self.number(&retry.backoff);
                let mean = self.decorrelated(retry, k);
                let random = self.sub(mean, base);
                (base, 3, self.part(random, 3.0))
            }
        }
    }

    /// Attempts after which another may follow: all but the last of each request.
    pub(super) fn not_last(&mut self, policy: &CallPolicy, retry: &Retry, fate: Fate, attempts: Node) -> Node {
        if retry.attempts.value.is_infinite() {
            return attempts;
        }
        let failing = self.retried(policy, retry, fate);
        let last = self.last_share(&retry.attempts, failing);
        let others = self.not(last);
        self.mul(attempts, others)
    }

    /// π = f^{N-1} (1 - f)/(1 - f^N).
    fn last_share(&mut self, attempts: &Quantity, failing: Node) -> Node {
        let (tiny, edge) = (self.c(1e-9), self.c(1.0 - 1e-9));
        let f = self.process.graph.binary(Binary::Min, failing, edge);
        let f = self.process.graph.binary(Binary::Max, f, tiny);
        let log = self.process.graph.unary(Unary::Ln, f);
        let power = |b: &mut Self, n: f64| {
            let n = b.c(n);
            let scaled = b.mul(n, log);
            b.process.graph.unary(Unary::Exp, scaled)
        };
        let (before, all) = (power(self, attempts.value - 1.0), power(self, attempts.value));
        let (well, rest) = (self.not(f), self.not(all));
        let up = self.mul(before, well);
        self.div(up, rest)
    }

    /// (1 - f^N)/(1 - f), the attempts per request of a nested call.
    pub(in crate::model::expand) fn many_attempts(&mut self, attempts: &Quantity, failing: Node) -> Node {
        let last = self.last_share(attempts, failing);
        // 1/(1 - f (1 - π))
        let others = self.not(last);
        let again = self.mul(failing, others);
        let ends = self.not(again);
        let one = self.c(1.0);
        self.div(one, ends)
    }

    /// The policy as far as its deadline lets it go: attempts that would begin after it are left out, no attempt is waited for
    /// longer. Back-offs count with their means.
    pub(in crate::model::expand) fn within_deadline(&mut self, policy: &CallPolicy) -> CallPolicy {
        let mut policy = policy.clone();
        let Some(deadline) = &policy.deadline else { return policy };
        if policy.timeout.as_ref().is_none_or(|t| t.value > deadline.value) {
            policy.timeout = Some(deadline.clone());
        }
        let (Some(timeout), Some(retry)) = (&policy.timeout, &mut policy.retry) else { return policy };
        let mut elapsed = 0.0;
        let mut sent = 1.0;
        while sent < retry.attempts.value && sent < 1e4 {
            elapsed += timeout.value + retry.mean_pause(sent as i32);
            if elapsed >= deadline.value * (1.0 - 1e-12) {
                retry.attempts.value = sent;
                break;
            }
            sent += 1.0;
        }
        policy
    }
}
