//! Location of events: zeros of a function `g(t, x(t))` along a trajectory.
//!
//! After every accepted step `g` is evaluated at both ends and at interior points of the dense output; every change of
//! sign is bracketed and located by the Illinois variant of regula falsi (Dowell & Jarratt 1971), with bisection as
//! soon as that stalls, to the resolution of time. A bracketed zero is never dropped. A function that touches zero
//! without changing sign is no event, and two zeros closer than a quarter of a step can cancel each other.

use super::trajectory::Step;

/// Which changes of sign count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Direction {
    /// From negative to positive.
    Rising,
    /// From positive to negative.
    Falling,
    /// Both.
    #[default]
    Any,
}

/// An event to look for.
pub struct Event<'a> {
    /// The function whose zeros are sought, of time and state.
    pub function: &'a dyn Fn(f64, &[f64]) -> f64,
    /// Which changes of sign count.
    pub direction: Direction,
    /// Whether the integration ends at the first one.
    pub terminal: bool,
}

const PARTS: usize = 4;

/// All zeros of `event` in `step`, in order of time.
pub(super) fn zeros(event: &Event<'_>, step: &Step<'_>, scratch: &mut [f64]) -> Vec<f64> {
    let mut found = Vec::new();
    let mut left = (step.start(), (event.function)(step.start(), step.before()));
    for part in 1..=PARTS {
        let right = if part == PARTS {
            (step.end(), (event.function)(step.end(), step.after()))
        } else {
            let t = step.start + step.length * part as f64 / PARTS as f64;
            step.at(t, scratch);
            (t, (event.function)(t, scratch))
        };
        let rising = left.1 < 0.0 && right.1 >= 0.0;
        let falling = left.1 > 0.0 && right.1 <= 0.0;
        let wanted = match event.direction {
            Direction::Rising => rising,
            Direction::Falling => falling,
            Direction::Any => rising || falling,
        };
        if wanted {
            found.push(locate(event, step, left, right, scratch));
        }
        left = right;
    }
    found
}

/// The zero between two points where `g` differs in sign; the end where the sign has already changed.
fn locate(event: &Event<'_>, step: &Step<'_>, left: (f64, f64), right: (f64, f64), scratch: &mut [f64]) -> f64 {
    let (mut a, mut fa) = left;
    let (mut b, mut fb) = right;
    let resolution = 4.0 * f64::EPSILON * a.abs().max(b.abs());
    let mut last = 0i8;
    for round in 0..200 {
        if fb == 0.0 || b - a <= resolution {
            break;
        }
        let mut t = if round % 3 == 2 { 0.5 * (a + b) } else { b - fb * (b - a) / (fb - fa) };
        if !(a < t && t < b) {
            t = 0.5 * (a + b);
        }
        if !(a < t && t < b) {
            break;
        }
        step.at(t, scratch);
        let f = (event.function)(t, scratch);
        if f.is_nan() || (f < 0.0) == (left.1 < 0.0) && f != 0.0 {
            (a, fa) = (t, if f.is_nan() { fa } else { f });
            if last == -1 {
                fb *= 0.5;
            }
            last = -1;
        } else {
            (b, fb) = (t, f);
            if last == 1 {
                fa *= 0.5;
            }
            last = 1;
        }
    }
    b
}
