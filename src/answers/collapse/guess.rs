//! Where to begin the search for the load at which noise tips the system: Kramers' formula near a fold.
//!
//! Near a fold the good state and the saddle lie close together on one slow line, along which, with ξ = 0 at the one and 1
//! at the other (Kramers 1940; Gardiner 2009, section 5.10; Berglund & Gentz 2006, chapter 3):
//!
//! ```text
//! dξ = -λ ξ (1 - ξ) dt + σ dB       λ: unstable root at the saddle, 1/s;  σ²: quadratic variation of ξ, 1/s
//! barrier = λ/6,   τ = (2π/λ) exp(2 · barrier / σ²) = (2π/λ) exp(λ / (3 σ²))
//! ```
//!
//! σ² is measured on a short path in the good state. Further from the fold this is a guess, and it is used as one only: the
//! number that is reported comes from paths. Large systems are tipped by noise only close to the fold, where they are too
//! slow and too busy to be followed; there the formula itself is the answer, and is said to be.

use super::{Collapse, CollapseError, Wells};
use crate::chance::escape::{Coordinate, Effort, Question, pace};
use crate::dynamics::newton::newton;
use crate::dynamics::outcome::distance;
use crate::dynamics::spectrum::{SpectrumOptions, spectrum};
use crate::process::field::Field;
use std::f64::consts::PI;

/// Events on which the noise is measured.
const EVENTS: u64 = 8_000;
/// Distances from the fold, as shares of its load, between which the formula is an answer where there is no other. Closer to
/// the fold than that there is no telling the two states apart, and the noise between them is not known.
const BESIDE: [f64; 2] = [0.005, 0.05];
/// Times to leave the saddle that a trial lasts at least, times the levels of a splitting, times its repetitions.
const TRIALS_LAST: f64 = 80.0;
/// Halvings of the bracket.
const HALVINGS: usize = 14;

impl Collapse<'_> {
    /// Real unstable root at the saddle, if the saddle is one of the equations of the paths.
    pub(super) fn unstable_root(&self, wells: &Wells) -> Option<f64> {
        let (fluid, p, saddle) = (&self.study.median, &wells.parameters, wells.saddle.as_ref()?);
        let own = newton(fluid, p, saddle).is_ok_and(|r| distance(fluid.states(), &r.x, saddle) < 1e-6);
        let found = own.then(|| spectrum(fluid, p, saddle, &SpectrumOptions::default()).ok()).flatten()?;
        found.modes.first().filter(|m| m.value.im == 0.0 && m.value.re > 0.0).map(|m| m.value.re)
    }

    /// How many times the effort it would take to split the way to collapse: every trial of every level and repetition lasts
    /// about as long as it takes to leave the saddle.
    pub(super) fn excess(root: Option<f64>, question: &Question<'_>, effort: &Effort) -> Result<f64, CollapseError> {
        let Some(root) = root else { return Ok(0.0) };
        let pace = pace(question, EVENTS, effort.seed)?;
        Ok(TRIALS_LAST * effort.trials as f64 * pace.events / root / effort.events as f64)
    }

    /// Logarithm of the mean time, in seconds, by Kramers' formula.
    fn kramers(&self, wells: &Wells, seed: u64) -> Result<Option<f64>, CollapseError> {
        let Some(root) = self.unstable_root(wells) else { return Ok(None) };
        let coordinate: Coordinate = self.coordinate(&self.machine, wells, Some(root))?;
        let question = self.question(wells, &coordinate)?;
        let variation = pace(&question, EVENTS, seed)?.variation;
        Ok((variation > 0.0).then(|| (2.0 * PI / root).ln() + root / (3.0 * variation)))
    }

    /// The load between `low` and `high` at which the logarithm of Kramers' mean time, in seconds, is `wanted`; `None` if
    /// there is none.
    pub(super) fn guess(&self, (low, high): (f64, f64), wanted: f64, seed: u64) -> Option<f64> {
        let (mut low, mut high) = (low, high);
        let mut seen = false;
        for _ in 0..HALVINGS {
            let load = 0.5 * (low + high);
            let Some(wells) = self.wells(load) else {
                // Beyond the fold of these equations.
                high = load;
                continue;
            };
            match self.kramers(&wells, seed).ok()? {
                Some(time) if time > wanted => (low, seen) = (load, true),
                Some(_) => (high, seen) = (load, true),
                None => return None,
            }
        }
        seen.then_some(0.5 * (low + high))
    }

    /// The load (base units) at which Kramers' mean time is `horizon` seconds, if that is close to the fold.
    pub(super) fn beside_the_fold(&self, horizon: f64, seed: u64) -> Option<f64> {
        let (recovery, tip) = self.bracket()?;
        let [nearest, furthest] = BESIDE.map(|distance| (1.0 - distance) * tip);
        self.guess((recovery, tip), horizon.ln(), seed).filter(|load| (furthest..nearest).contains(load))
    }
}
