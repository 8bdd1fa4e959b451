//! The smallest value (a size, a duration) at which a trigger tips the system: by doubling or halving from a first value, then
//! bisection down to a relative width.
//!
//! Most runs of a search end as one before them did, and are followed only until they join it ([`Ways`]). The two runs that the
//! answer rests on, the ends of the last bracket, are followed to their own ends; should one of them end otherwise, the search is
//! done again with every run followed to its end.

use super::{Fate, Plan, Range, Threshold, TriggerError};
use crate::dynamics::outcome::Ways;

/// Relative width of a bracket within which an undecided run is one that stays on the edge.
const EDGE: f64 = 1e-4;
/// Doublings tried before a threshold is said not to exist: a trigger 256 times as long or as large.
const DOUBLINGS: u32 = 8;
/// Sizes tried between the stated one and the largest possible.
const SAMPLES: u32 = 10;

/// The fate at `start`, and the threshold, looked for up to `largest`. `place` is the size and duration of a value; where a
/// value `settles`, larger ones do as it does.
pub(super) fn find(
    range: &Range<'_>,
    plan: &Plan,
    place: &dyn Fn(f64) -> (f64, f64),
    settles: &dyn Fn(f64) -> bool,
    (start, largest): (f64, f64),
    resolution: f64,
) -> Result<(Fate, Threshold), TriggerError> {
    let mut search = Search { range, plan, place, settles, ways: Some(Ways::default()) };
    if let Some(found) = search.find(start, largest, resolution)? {
        return Ok(found);
    }
    search.ways = None;
    Ok(search.find(start, largest, resolution)?.unwrap_or((Fate::Undecided, Threshold::Undecided)))
}

/// A value with what became of its run.
#[derive(Debug, Clone, Copy)]
struct End {
    value: f64,
    /// Whether its run was followed to its own end.
    sure: bool,
}

/// The bracket between healing and tipping, or the answer where there is none.
enum Bracket {
    Between(End, End),
    Answer(Threshold),
    /// The last value tried, which heals.
    Heals(End),
}

struct Search<'s, 'a> {
    range: &'s Range<'a>,
    plan: &'s Plan,
    place: &'s dyn Fn(f64) -> (f64, f64),
    settles: &'s dyn Fn(f64) -> bool,
    /// Ways of the runs so far; `None` to follow all of them to their ends.
    ways: Option<Ways>,
}

impl Search<'_, '_> {
    fn run(&mut self, value: f64) -> Result<(Fate, End), TriggerError> {
        let (size, duration) = (self.place)(value);
        let (fate, sure) = match &mut self.ways {
            Some(ways) => self.range.run_among(self.plan, (size, duration), ways)?,
            None => (self.range.run(self.plan, size, duration)?, true),
        };
        Ok((fate, End { value, sure }))
    }

    /// Whether the run at an end does not contradict `fate` when it is followed to its own end.
    fn confirms(&self, end: End, fate: Fate) -> Result<bool, TriggerError> {
        if end.sure {
            return Ok(true);
        }
        let (size, duration) = (self.place)(end.value);
        let found = self.range.run(self.plan, size, duration)?;
        Ok(found == fate || found == Fate::Undecided)
    }

    /// `None` if a run contradicts the way it joined.
    fn find(&mut self, start: f64, largest: f64, resolution: f64) -> Result<Option<(Fate, Threshold)>, TriggerError> {
        let start = start.min(largest);
        let (fate, first) = self.run(start)?;
        let bracket = match fate {
            Fate::Undecided => return Ok(Some((fate, Threshold::Undecided))),
            Fate::Tips => self.below(first)?,
            Fate::Heals => self.above(first, largest)?,
        };
        let answer = match bracket {
            Bracket::Answer(answer) => Some(answer),
            Bracket::Heals(last) => self.confirms(last, Fate::Heals)?.then_some(Threshold::None(last.value)),
            Bracket::Between(heals, tips) => self.bisect(heals, tips, resolution)?,
        };
        Ok(answer.map(|answer| (fate, answer)))
    }

    /// Halves until the system heals.
    fn below(&mut self, start: End) -> Result<Bracket, TriggerError> {
        let mut tips = start;
        for _ in 0..4 * DOUBLINGS {
            let (fate, end) = self.run(0.5 * tips.value)?;
            match fate {
                Fate::Heals => return Ok(Bracket::Between(end, tips)),
                Fate::Tips => tips = end,
                Fate::Undecided => return Ok(Bracket::Answer(Threshold::Undecided)),
            }
        }
        Ok(Bracket::Answer(Threshold::At(0.0)))
    }

    /// Doubles until the system tips, or samples a bounded range: larger is not always worse there.
    fn above(&mut self, start: End, largest: f64) -> Result<Bracket, TriggerError> {
        let steps = if largest.is_finite() { SAMPLES } else { DOUBLINGS };
        let mut heals = start;
        for step in 1..=steps {
            if heals.value >= largest {
                break;
            }
            if (self.settles)(heals.value) {
                return Ok(Bracket::Heals(heals));
            }
            let value = if largest.is_finite() {
                start.value + (largest - start.value) * f64::from(step) / f64::from(steps)
            } else {
                2.0 * heals.value
            };
            let (fate, end) = self.run(value)?;
            match fate {
                Fate::Tips => return Ok(Bracket::Between(heals, end)),
                Fate::Heals => heals = end,
                Fate::Undecided => return Ok(Bracket::Answer(Threshold::Undecided)),
            }
        }
        Ok(Bracket::Heals(heals))
    }

    fn bisect(&mut self, heals: End, tips: End, resolution: f64) -> Result<Option<Threshold>, TriggerError> {
        let (mut heals, mut tips) = (heals, tips);
        while tips.value - heals.value > resolution * tips.value {
            let middle = 0.5 * (heals.value + tips.value);
            if middle <= heals.value || middle >= tips.value {
                break;
            }
            let (fate, end) = self.run(middle)?;
            match fate {
                Fate::Tips => tips = end,
                Fate::Heals => heals = end,
                // So near the edge that a stable integrator with long steps comes to rest on it: the threshold is met.
                Fate::Undecided if tips.value - heals.value <= EDGE * tips.value => {
                    return Ok(Some(Threshold::At(middle)));
                }
                Fate::Undecided => return Ok(Some(Threshold::Undecided)),
            }
        }
        let confirmed = self.confirms(heals, Fate::Heals)? && self.confirms(tips, Fate::Tips)?;
        Ok(confirmed.then_some(Threshold::At(0.5 * (heals.value + tips.value))))
    }
}
