//! Early warning: recorded metrics held against the numbers of a model. Four questions, in this order.
//!
//! 1. **Where is the load** between recovery load and tip-over load?
//! 2. **Where is the characteristic metric** between the good state and the boundary, at the load of that moment
//!    ([`super::thresholds`])? `margin = (m - m(g)) / (m(s) - m(g))`: 0 in the good state, 1 at the saddle.
//! 3. **Is the system recovering ever more slowly** (`slow`)? Close to a fold the rate of recovery goes to zero, so that variance
//!    and autocorrelation of the fluctuations rise (Scheffer et al. 2009, *Nature* 461: 53-59; Dakos et al. 2012, *PLoS ONE* 7:
//!    e41010). This needs no model.
//! 4. **When will the load reach the limits** (`ahead`)? Trend, day and week of the load, and Fieller's interval for the day on
//!    which the weekly peak gets there. The limits are taken as exact: the interval is that of the load alone.
//!
//! What this cannot tell: a service that is far from its fold is collapsed all the same by a trigger that is large enough,
//! and nothing in the metrics says so before it comes. Questions 1 and 2 say how much it takes, not that it will happen.

mod ahead;
mod levels;
mod slow;

pub use ahead::{Ahead, Forecast};
pub use levels::{LoadLevel, MetricLevel};
pub use slow::Recovery;

use super::thresholds::{Hysteresis, Thresholds};
use crate::fit::data::{DataError, Raw, Source, comparable, raw};
use crate::fit::mapping::{Column, Mapping};
use crate::fit::metrics::align::Grid;
use crate::fit::metrics::guess::Role;

/// Recorded metrics.
pub struct Recorded<'a> {
    /// The files.
    pub sources: &'a [Source],
    /// Columns by quantity.
    pub mapping: &'a Mapping,
    /// Columns by the name of a number, state or output of the model.
    pub named: &'a [(String, Column)],
}

/// Where the service is, by the last readings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    /// Below the recovery load, or without a collapsed state: what happens heals.
    Stable,
    /// A collapse would stay.
    Vulnerable,
    /// Beyond the boundary: on the way to collapse, or there.
    PastBoundary,
    /// Above the tip-over load.
    Overloaded,
    /// Neither load nor metric is known.
    Unknown,
}

impl State {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Stable, Self::Vulnerable, Self::PastBoundary, Self::Overloaded, Self::Unknown];

    /// The state of that name.
    ///
    /// # Errors
    /// A text that says what there is.
    pub fn parse(name: &str) -> Result<Self, String> {
        let names = Self::ALL.map(Self::name).join(", ");
        Self::ALL.into_iter().find(|state| state.name() == name).ok_or_else(|| format!("a state is one of {names}"))
    }

    /// In a word.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Stable => "stable",
            Self::Vulnerable => "vulnerable",
            Self::PastBoundary => "past-boundary",
            Self::Overloaded => "overloaded",
            Self::Unknown => "unknown",
        }
    }
}

/// What was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Watch {
    /// Where the service is now.
    pub state: State,
    /// First and last moment of the readings, in nanoseconds of the files' axis.
    pub period: (i64, i64),
    /// The load.
    pub load: Option<LoadLevel>,
    /// The characteristic metric.
    pub metric: Option<MetricLevel>,
    /// Whether recovery slows down.
    pub recovery: Option<Recovery>,
    /// When limits will be reached.
    pub forecast: Option<Forecast>,
    /// What a reader must know.
    pub remarks: Vec<String>,
}

impl Watch {
    /// Whether both questions have an answer: where it is, and where it is going.
    #[must_use]
    pub fn is_conclusive(&self) -> bool {
        self.state != State::Unknown && (self.recovery.is_some() || self.forecast.is_some())
    }
}

/// Level of intervals.
pub const LEVEL: f64 = 0.95;

/// Holds recorded metrics against a model. `seed` is that of the surrogate series.
///
/// # Errors
/// [`DataError`] if the files cannot be used together, or columns have no values or no time in common.
pub fn watch(thresholds: &Thresholds, recorded: &Recorded<'_>, seed: u64) -> Result<Watch, DataError> {
    comparable(recorded.sources)?;
    let read = |column: Option<&Column>| column.map(|c| raw(recorded.sources, c)).transpose();
    let load = read(load_column(thresholds, recorded))?;
    let metric = read(metric_column(thresholds, recorded))?;
    let mut remarks = thresholds.remarks.clone();
    let joint = levels::levels(thresholds, load.as_ref(), metric.as_ref(), &mut remarks)?;
    let (name, other) = match &metric {
        Some(own) => (thresholds.metric.as_ref().map(|m| m.name.clone()).unwrap_or_default(), Some(own.clone())),
        None => match other_column(thresholds, recorded) {
            Some((name, column)) => (name, Some(raw(recorded.sources, column)?)),
            None => (String::new(), None),
        },
    };
    let recovery = match &other {
        Some(series) => slow::recovery(&name, series, load.as_ref(), joint.beyond(), seed, &mut remarks),
        None => {
            remarks.push(
                "slowing down cannot be looked for: no column shows what happens inside, such as --map inflight=COLUMN"
                    .into(),
            );
            None
        }
    };
    let forecast = match &load {
        Some(series) => ahead::forecast(thresholds, series, &mut remarks),
        None => {
            remarks.push("no column is the load: that of the model stands for it, and nothing is foretold".into());
            None
        }
    };
    let period = |of: fn(&Raw) -> Option<i64>, best: fn(i64, i64) -> i64| {
        [load.as_ref(), other.as_ref()].into_iter().flatten().filter_map(of).reduce(best).unwrap_or(0)
    };
    let last = |series: &Raw| {
        let there = series.level.values.iter().rposition(|v| v.is_finite())?;
        series.level.times.get(there).copied()
    };
    let state = state(thresholds, &joint);
    Ok(Watch {
        state,
        period: (period(Raw::begins, i64::min), period(last, i64::max)),
        load: joint.load,
        metric: joint.metric,
        recovery,
        forecast,
        remarks,
    })
}

/// The column of the load.
fn load_column<'a>(thresholds: &Thresholds, recorded: &'a Recorded<'_>) -> Option<&'a Column> {
    let named = recorded.named.iter().find(|(name, _)| name == "load" || *name == thresholds.path).map(|(_, c)| c);
    named.or_else(|| recorded.mapping.columns.get(&Role::Offered).filter(|_| thresholds.is_rate))
}

/// The column of the characteristic metric.
fn metric_column<'a>(thresholds: &Thresholds, recorded: &'a Recorded<'_>) -> Option<&'a Column> {
    let metric = thresholds.metric.as_ref()?;
    let named = recorded.named.iter().find(|(name, _)| *name == metric.name).map(|(_, c)| c);
    named.or_else(|| recorded.mapping.columns.get(&metric.role?))
}

/// Another column in which slowing down may show: what fluctuates with the queue.
fn other_column<'a>(thresholds: &Thresholds, recorded: &'a Recorded<'_>) -> Option<(String, &'a Column)> {
    let roles = [Role::Inflight, Role::Queue, Role::Latency, Role::P99, Role::P95, Role::Utilization, Role::Attempts];
    let is_load = |name: &str| name == "load" || name == thresholds.path;
    let named = recorded.named.iter().find(|(name, _)| !is_load(name)).map(|(name, c)| (name.clone(), c));
    let columns = &recorded.mapping.columns;
    named.or_else(|| roles.iter().find_map(|role| columns.get(role).map(|c| (role.name().to_owned(), c))))
}

fn state(thresholds: &Thresholds, joint: &levels::Joint) -> State {
    if joint.load.is_none() && joint.metric.is_none() {
        return State::Unknown;
    }
    let load = joint.load.as_ref().map_or(thresholds.today, |l| l.now);
    let above = |limit: Option<f64>| limit.is_some_and(|limit| load > limit);
    let past = joint.metric.as_ref().is_some_and(|m| m.margin.is_some_and(|margin| margin > 1.0));
    match thresholds.hysteresis {
        _ if above(thresholds.tip_over) => State::Overloaded,
        Hysteresis::None => State::Stable,
        _ if past => State::PastBoundary,
        Hysteresis::NeverHeals => State::Vulnerable,
        Hysteresis::AboveRecovery if above(thresholds.recovery) => State::Vulnerable,
        Hysteresis::AboveRecovery => State::Stable,
    }
}

/// Middle of the times of a grid's interval, in nanoseconds.
fn moment(grid: &Grid, index: usize) -> i64 {
    grid.start + grid.width * i64::try_from(index).unwrap_or(i64::MAX / 2) + grid.width / 2
}
