//! Conditions for `--fail-on`: `headroom<20%`, `recovery>=-50%`, `verdict=vulnerable`.
//!
//! A gate fails when its condition holds, and also when the number it asks for does not exist or is inconclusive.

use super::analysis::{Analysis, Verdict};

/// A parsed condition.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate {
    text: String,
    measure: Measure,
    comparison: Comparison,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Measure {
    HeadroomToTipOver,
    HeadroomToRecovery,
    Verdict,
}

#[derive(Debug, Clone, PartialEq)]
enum Comparison {
    Less(f64),
    LessOrEqual(f64),
    Greater(f64),
    GreaterOrEqual(f64),
    Is(String),
    IsNot(String),
}

/// What a gate says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Passage {
    /// The condition does not hold: fine.
    Open,
    /// The condition holds: the gate failed.
    Closed,
    /// The number is not known.
    Unknown,
}

/// Why a condition was not understood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not a condition: {reason}")]
pub struct GateError {
    text: String,
    reason: String,
}

const VERDICTS: [&str; 5] = ["stable", "vulnerable", "metastable", "overloaded", "inconclusive"];

impl Gate {
    /// Parses a condition.
    ///
    /// # Errors
    /// [`GateError`] says what was expected.
    pub fn parse(text: &str) -> Result<Self, GateError> {
        let error = |reason: String| GateError { text: text.to_owned(), reason };
        let operators = ["<=", ">=", "==", "!=", "<", ">", "="];
        let Some((at, operator)) = operators
            .iter()
            .filter_map(|o| text.find(o).map(|at| (at, *o)))
            .min_by_key(|(at, o)| (*at, -(o.len() as i64)))
        else {
            return Err(error("write for example headroom<20% or verdict=vulnerable".to_owned()));
        };
        let (name, value) = (text[..at].trim(), text[at + operator.len()..].trim());
        let measure = match name {
            "headroom" | "headroom.to_tip_over" => Measure::HeadroomToTipOver,
            "recovery" | "headroom.to_recovery" => Measure::HeadroomToRecovery,
            "verdict" => Measure::Verdict,
            _ => {
                return Err(error(format!(
                    "`{name}` is not one of headroom, headroom.to_tip_over, headroom.to_recovery, verdict"
                )));
            }
        };
        let comparison = if measure == Measure::Verdict {
            if !VERDICTS.contains(&value) {
                return Err(error(format!("a verdict is one of {}", VERDICTS.join(", "))));
            }
            match operator {
                "=" | "==" => Comparison::Is(value.to_owned()),
                "!=" => Comparison::IsNot(value.to_owned()),
                _ => return Err(error("a verdict is compared with = or !=".to_owned())),
            }
        } else {
            let (digits, factor) = value.strip_suffix('%').map_or((value, 1.0), |d| (d.trim(), 0.01));
            let number: f64 =
                digits.parse().map_err(|_| error(format!("`{value}` is not a number or a percentage")))?;
            let number = number * factor;
            match operator {
                "<" => Comparison::Less(number),
                "<=" => Comparison::LessOrEqual(number),
                ">" => Comparison::Greater(number),
                ">=" => Comparison::GreaterOrEqual(number),
                _ => return Err(error("headroom is compared with <, <=, > or >=".to_owned())),
            }
        };
        Ok(Self { text: text.to_owned(), measure, comparison })
    }

    /// The condition as it was written.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Whether an analysis passes. A state with no tip-over load has infinite headroom; one with no recovery load never
    /// stays collapsed.
    #[must_use]
    pub fn check(&self, analysis: &Analysis) -> Passage {
        let verdict = VERDICTS[match analysis.verdict {
            Verdict::Stable => 0,
            Verdict::Vulnerable => 1,
            Verdict::Metastable => 2,
            Verdict::Overloaded => 3,
            Verdict::Inconclusive => 4,
        }];
        let number = match self.measure {
            Measure::Verdict => 0.0,
            _ if analysis.verdict == Verdict::Inconclusive => return Passage::Unknown,
            Measure::HeadroomToTipOver => analysis.headroom.to_tip_over.unwrap_or(f64::INFINITY),
            Measure::HeadroomToRecovery => analysis.headroom.to_recovery.unwrap_or(f64::INFINITY),
        };
        let holds = match &self.comparison {
            Comparison::Less(x) => number < *x,
            Comparison::LessOrEqual(x) => number <= *x,
            Comparison::Greater(x) => number > *x,
            Comparison::GreaterOrEqual(x) => number >= *x,
            Comparison::Is(v) => verdict == v,
            Comparison::IsNot(v) => verdict != v,
        };
        if holds { Passage::Closed } else { Passage::Open }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn conditions_are_read() {
        assert_eq!(Gate::parse("headroom<20%").unwrap().comparison, Comparison::Less(0.2));
        assert_eq!(Gate::parse("headroom >= 0.2").unwrap().comparison, Comparison::GreaterOrEqual(0.2));
        assert_eq!(Gate::parse("verdict!=stable").unwrap().comparison, Comparison::IsNot("stable".to_owned()));
    }

    #[test]
    fn nonsense_is_explained() {
        for text in ["", "headroom", "headrom<1", "headroom<much", "verdict<stable", "verdict=fine", "headroom=3"] {
            assert!(Gate::parse(text).is_err(), "{text}");
        }
    }
}
