//! The load at which something falls through zero, found by few and noisy evaluations.

/// When a search is over.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Search {
    /// Most loads tried.
    pub(super) loads: usize,
    /// Most loads tried in vain.
    pub(super) blind: usize,
    /// A value this close to zero ends it.
    pub(super) close: f64,
    /// So does a bracket this narrow, as a share of its upper end.
    pub(super) width: f64,
}

/// Values this close to zero calibrate a guess that cannot be checked.
const NEAR: f64 = 5.0;

/// What a load turned out to be worth.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Value {
    /// The value itself.
    Exactly(f64),
    /// At least something positive.
    Above,
    /// At most something negative.
    Below,
    /// Nothing was learned.
    Unknown,
}

impl Search {
    /// The root of a falling function between `low` and `high`; `None` if it was not found. `guess` proposes where a model of
    /// the function, moved up by so much, has its root: it is asked at first, and once more with the value found
    /// there. Where nothing can be learned at a load it proposed, the search is over: with the guess, if a value close to
    /// zero was found before to move the model by, and without an answer otherwise.
    ///
    /// # Errors
    /// Those of `value`.
    pub(super) fn root<E>(
        &self,
        (low, high): (f64, f64),
        guess: impl Fn(f64) -> Option<f64>,
        mut value: impl FnMut(f64) -> Result<Value, E>,
    ) -> Result<Option<f64>, E> {
        let first = guess(0.0);
        let mut load = first.unwrap_or(low + 0.9 * (high - low));
        let (mut low, mut high) = ((low, f64::INFINITY), (high, f64::NEG_INFINITY));
        // Whether nothing is known about the lower end.
        let mut unknown = false;
        let mut blind = 0;
        // The value closest to zero so far, if it is close enough to move the model by.
        let mut anchor = None;
        for _ in 0..self.loads {
            let found = match value(load)? {
                Value::Exactly(found) if found.abs() < self.close => {
                    // Within the noise of the estimate: the slope decides which way the rest lies.
                    let other = if found > 0.0 { high } else { low };
                    return Ok(Some(if other.1.is_finite() { crossing((load, found), other) } else { load }));
                }
                Value::Exactly(found) => {
                    if found.abs() < anchor.map_or(NEAR, f64::abs) {
                        anchor = Some(found);
                    }
                    found
                }
                Value::Above => f64::INFINITY,
                Value::Below => f64::NEG_INFINITY,
                Value::Unknown if first.is_some() => return Ok(anchor.and_then(|a: f64| guess(a))),
                Value::Unknown => {
                    blind += 1;
                    if blind > self.blind {
                        return Ok(None);
                    }
                    // Nearer to the upper end things happen more often.
                    (low, unknown) = ((load, f64::INFINITY), true);
                    load = 0.5 * (low.0 + high.0);
                    continue;
                }
            };
            if found > 0.0 {
                (low, unknown) = ((load, found), false);
            } else {
                high = (load, found);
            }
            if high.0 - low.0 < self.width * high.0 {
                break;
            }
            let again = first.filter(|f| *f == load && found.is_finite()).and_then(|_| guess(found));
            load = if let Some(again) = again.filter(|a| low.0 < *a && *a < high.0) {
                again
            } else if low.1.is_finite() && high.1.is_finite() {
                // Away from the ends, so that the bracket shrinks on both sides.
                crossing(low, high).clamp(low.0 + 0.1 * (high.0 - low.0), high.0 - 0.1 * (high.0 - low.0))
            } else {
                0.5 * (low.0 + high.0)
            };
        }
        Ok(match (low.1.is_finite(), high.1.is_finite()) {
            (true, true) => Some(crossing(low, high)),
            _ if !unknown && high.0 - low.0 < 10.0 * self.width * high.0 => Some(0.5 * (low.0 + high.0)),
            _ => None,
        })
    }
}

/// Where the line through two points crosses zero.
fn crossing(a: (f64, f64), b: (f64, f64)) -> f64 {
    if a.1 == b.1 { 0.5 * (a.0 + b.0) } else { a.0 - a.1 * (b.0 - a.0) / (b.1 - a.1) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SEARCH: Search = Search { loads: 60, blind: 1, close: 1e-9, width: 1e-12 };

    fn root(f: impl Fn(f64) -> Value) -> Option<f64> {
        SEARCH.root::<()>((1.0, 9.0), |_| None, |load| Ok(f(load))).expect("no errors")
    }

    #[test]
    fn a_root_is_found_through_bounds() {
        let plain = root(|x| Value::Exactly(20.0 - x * x)).expect("found");
        assert!((plain - 20f64.sqrt()).abs() < 1e-8, "{plain}");
        let bounds = root(|x| {
            if x < 4.0 {
                Value::Above
            } else if x > 6.0 {
                Value::Below
            } else {
                Value::Exactly(5.0 - x)
            }
        });
        assert!((bounds.expect("found") - 5.0).abs() < 1e-8);
        let jump = root(|x| if x < 3.0 { Value::Above } else { Value::Below }).expect("found");
        assert!((jump - 3.0).abs() < 1e-8, "{jump}");
    }

    #[test]
    fn a_model_that_is_off_by_a_constant_needs_two_evaluations() {
        let (few, slope) = (Search { loads: 2, ..SEARCH }, 0.7);
        let guess = |offset: f64| Some(5.0 + offset / slope);
        let found = few.root::<()>((1.0, 9.0), guess, |load| Ok(Value::Exactly(slope * (6.5 - load))));
        assert!((found.expect("no errors").expect("found") - 6.5).abs() < 1e-9);
    }

    #[test]
    fn a_guess_that_cannot_be_checked_needs_a_value_to_stand_on() {
        let guess = |offset: f64| Some(5.0 + offset);
        let blind = SEARCH.root::<()>((1.0, 9.0), guess, |_| Ok(Value::Unknown));
        assert_eq!(blind, Ok(None));
        let once = |load: f64| Ok(if load >= 5.0 { Value::Exactly(4.0 - load) } else { Value::Unknown });
        assert_eq!(SEARCH.root::<()>((1.0, 9.0), guess, once), Ok(Some(4.0)));
    }

    #[test]
    fn what_is_not_known_is_not_answered() {
        assert_eq!(root(|_| Value::Unknown), None);
        let few = Search { loads: 3, ..SEARCH };
        assert_eq!(few.root::<()>((1.0, 9.0), |_| Some(2.0), |_| Ok(Value::Above)), Ok(None));
    }
}
