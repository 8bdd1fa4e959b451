//! The smallest value (a size, a duration) at which a trigger tips the system: by doubling or halving from a first value, then
//! bisection down to a relative width.
//!
//! Most runs of a search end as one before them did, and are followed only until they join it ([`Ways`]). The two runs that the
//! answer rests on, the ends of the last bracket, are followed to their own ends; should one of them end otherwise, the search is
//! done again with every run followed to its end, from around the value that was found.

use super::{Fate, Plan, Range, Threshold, TriggerError};
use crate::dynamics::outcome::Ways;

/// Relative width of a bracket within which an undecided run is one that stays on the edge.
const EDGE: f64 = 1e-4;
/// Doublings tried before a threshold is said not to exist: a trigger 256 times as long or as large.
const DOUBLINGS: u32 = 8;
/// How far around a value that proved wrong the threshold is looked for, as shares of it.
const NEAR: [f64; 4] = [3e-5, 3e-4, 3e-3, 3e-2];
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
    let (fate, found) = search.find(start, largest, resolution)?;
    let near = match found {
        Found::Answer(answer) => return Ok((fate, answer)),
        Found::Contradicted(near) => near,
    };
    // The run at `start` was the first and is sure.
    search.ways = None;
    if let Some((heals, tips)) = search.around(near, largest)?
        && let Found::Answer(answer) = search.bisect(heals, tips, resolution)?
    {
        return Ok((fate, answer));
    }
    match search.find(start, largest, resolution)? {
        (fate, Found::Answer(answer)) => Ok((fate, answer)),
        (fate, Found::Contradicted(_)) => Ok((fate, Threshold::Undecided)),
    }
}

/// What a search found.
enum Found {
    Answer(Threshold),
    /// A run does not end as the one that it joined did: the threshold is elsewhere, probably near this value.
    Contradicted(f64),
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

    fn find(&mut self, start: f64, largest: f64, resolution: f64) -> Result<(Fate, Found), TriggerError> {
        let start = start.min(largest);
        let (fate, first) = self.run(start)?;
        let bracket = match fate {
            Fate::Undecided => return Ok((fate, Found::Answer(Threshold::Undecided))),
            Fate::Tips => self.below(first)?,
            Fate::Heals => self.above(first, largest)?,
        };
        let answer = match bracket {
            Bracket::Answer(answer) => Found::Answer(answer),
            Bracket::Heals(last) if self.confirms(last, Fate::Heals)? => Found::Answer(Threshold::None(last.value)),
            Bracket::Heals(last) => Found::Contradicted(last.value),
            Bracket::Between(heals, tips) => self.bisect(heals, tips, resolution)?,
        };
        Ok((fate, answer))
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

    /// A bracket around a value near which the threshold was thought to be, as narrow as it can be had at once.
    fn around(&mut self, near: f64, largest: f64) -> Result<Option<(End, End)>, TriggerError> {
        let (mut heals, mut tips) = (None, None);
        for share in NEAR {
            for value in [near * (1.0 - share), (near * (1.0 + share)).min(largest)] {
                let below = value < near;
                if below && heals.is_some() || !below && tips.is_some() {
                    continue;
                }
                match self.run(value)? {
                    (Fate::Heals, end) => heals = Some(end),
                    (Fate::Tips, end) => tips = Some(end),
                    (Fate::Undecided, _) => return Ok(None),
                }
            }
            if let (Some(heals), Some(tips)) = (heals, tips) {
                return Ok((heals.value < tips.value).then_some((heals, tips)));
            }
        }
        Ok(None)
    }

    fn bisect(&mut self, heals: End, tips: End, resolution: f64) -> Result<Found, TriggerError> {
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
                    return Ok(Found::Answer(Threshold::At(middle)));
                }
                Fate::Undecided => return Ok(Found::Answer(Threshold::Undecided)),
            }
        }
        let confirmed = self.confirms(heals, Fate::Heals)? && self.confirms(tips, Fate::Tips)?;
        let found = 0.5 * (heals.value + tips.value);
        Ok(if confirmed { Found::Answer(Threshold::At(found)) } else { Found::Contradicted(found) })
    }
}
