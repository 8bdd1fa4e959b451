//! Controlled delay as links have it: RFC 8289, sections 4 and 5.
//!
//! Each time an attempt comes to the head of the queue its wait is looked at. Once waits have been at the target or above for an
//! interval, with more than one left in the queue, one is dropped, and others after it at distances of interval/√count until a wait is
//! below the target again. If that begins again within 16 intervals, it begins with the number of drops of last time.
//!
//! K. Nichols, V. Jacobson, A. McGregor & J. Iyengar, *Controlled Delay Active Queue Management*, RFC 8289 (2018).

/// Intervals within which the number of drops is remembered.
const REMEMBERED: f64 = 16.0;

/// What it remembers.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Control {
    /// When waits will have been above the target for an interval; 0 while they are not.
    first_above: f64,
    drop_next: f64,
    count: u32,
    last_count: u32,
    dropping: bool,
}

impl Control {
    /// Nobody waits.
    pub(super) fn empty(&mut self) {
        self.first_above = 0.0;
        self.dropping = false;
    }

    /// Whether waits have been above the target for long, seen from one that comes to the head with so many behind it.
    pub(super) fn above(&mut self, now: f64, wait: f64, behind: u32, [target, interval]: [f64; 2]) -> bool {
        if wait < target || behind <= 1 {
            self.first_above = 0.0;
            return false;
        }
        if self.first_above == 0.0 {
            self.first_above = now + interval;
            return false;
        }
        now >= self.first_above
    }

    /// What to do about the head of the queue, the first that is looked at for a slot.
    pub(super) fn first(&mut self, now: f64, above: bool) -> Verdict {
        if !self.dropping {
            return if above { Verdict::DropAndBegin } else { Verdict::Take };
        }
        self.dropping = above;
        if above && now >= self.drop_next { Verdict::Drop } else { Verdict::Take }
    }

    /// What to do about the one after a drop.
    pub(super) fn after_drop(&mut self, now: f64, above: bool, interval: f64) -> Verdict {
        self.dropping = above;
        if above {
            self.drop_next += interval / f64::from(self.count).sqrt();
        }
        if above && now >= self.drop_next { Verdict::Drop } else { Verdict::Take }
    }

    /// One more has been dropped.
    pub(super) fn dropped(&mut self) {
        self.count += 1;
    }

    /// The first has been dropped.
    pub(super) fn begin(&mut self, now: f64, interval: f64) {
        self.dropping = true;
        let delta = self.count.saturating_sub(self.last_count);
        self.count = if delta > 1 && now - self.drop_next < REMEMBERED * interval { delta } else { 1 };
        self.drop_next = now + interval / f64::from(self.count).sqrt();
        self.last_count = self.count;
    }
}

/// What becomes of the head of the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    /// A slot takes it.
    Take,
    /// It is dropped, and the next is looked at.
    Drop,
    /// It is dropped, the next is taken, and dropping begins.
    DropAndBegin,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// With every wait above the target, drops come an interval after the first such wait, then at interval/√1, /√2, /√3, ...
    #[test]
    fn drops_are_spaced_by_the_root_of_their_number() {
        let (mut control, numbers) = (Control::default(), [0.005, 0.1]);
        let mut drops = Vec::new();
        for step in 0..=20_000_u32 {
            let now = 1.0 + f64::from(step) * 1e-4;
            let above = control.above(now, 0.05, 9, numbers);
            match control.first(now, above) {
                Verdict::Take => {}
                Verdict::DropAndBegin => {
                    drops.push(now);
                    let _ = control.above(now, 0.05, 9, numbers);
                    control.begin(now, 0.1);
                }
                Verdict::Drop => {
                    drops.push(now);
                    control.dropped();
                    let above = control.above(now, 0.05, 9, numbers);
                    assert_eq!(control.after_drop(now, above, 0.1), Verdict::Take);
                }
            }
        }
        let mut expected = 1.1;
        for (k, &at) in drops.iter().enumerate().take(30) {
            assert!((at - expected).abs() < 3e-4, "drop {k} at {at}, not at {expected}");
            expected += 0.1 / f64::from(k as u32 + 1).sqrt();
        }
        assert!(drops.len() > 90, "{}", drops.len());
    }
}
