//! How likely a trigger is to tip the system, as a function of its duration or its size.
//!
//! Each replication is run at each point of a grid with the same random numbers (common random numbers: replication i has
//! the same luck everywhere, and what happens before the trigger is the same), so that the curve is smoother than its
//! points. A run has tipped if its [outcome] at the end is collapsed. More trigger need not tip more runs
//! in every single replication, so no replication is bisected. Instead the shares are fitted by maximum likelihood with
//!
//! ```text
//! P(tips) = Φ((x - m)/s),   p50 = m,  p10 = m - 1.2816 s,  p90 = m + 1.2816 s          (probit; Finney 1971)
//! ```
//!
//! which is the law of a threshold that is a sum of many small accidents, as the number of arrivals in a burst is. Because
//! the points share their luck they are not independent, and the standard errors come from the bootstrap over whole
//! replications (Efron 1979). The isotonic fit of the same shares, which assumes nothing but that more trigger tips more,
//! is given beside it; where the two differ by more than the noise the probit is not to be believed.

use super::edge::edges;
use super::outcome::{self, Outcome};
use super::plan::{Plan, TriggerRun};
use super::statistics::{Interval, NORMAL_95};
use super::system::{System, SystemError};
use crate::model::types::Trigger;
use crate::random::stream;
use rand::RngExt;
use rayon::prelude::*;

/// What is varied.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Vary {
    /// The duration, at the stated size; in seconds.
    Duration,
    /// The size, for the stated duration: 0 is today's values, 1 the stated ones.
    Size,
}

/// The experiment.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Experiment {
    /// Seed of everything random.
    pub seed: u64,
    /// Replications at each point.
    pub replications: u64,
    /// Time before the trigger, for the system to settle, in seconds.
    pub settle: f64,
    /// Time after the trigger, for the outcome to show, in seconds.
    pub aftermath: f64,
    /// Largest value looked at, in seconds or sizes.
    pub most: f64,
}

/// The odds of a trigger.
#[derive(Debug, Clone, PartialEq)]
pub struct Odds {
    /// What was varied.
    pub vary: Vary,
    /// The curve.
    pub points: Vec<OddsPoint>,
    /// One in ten tips, half, nine in ten; `None` if no value looked at tips runs, or all do.
    pub quantiles: Option<Quantiles>,
    /// Runs whose outcome could not be decided.
    pub undecided: usize,
    /// Replications at each point.
    pub replications: usize,
}

/// One point of the curve.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct OddsPoint {
    /// Duration in seconds, or size.
    pub value: f64,
    /// Share of runs that tipped, with Wilson's interval of 95 %.
    pub tips: Interval,
    /// Isotonic fit of the share.
    pub isotonic: f64,
    /// Probit fit of the share, where there is one.
    pub fitted: Option<f64>,
}

/// Quantiles of the critical value, with standard errors.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quantiles {
    /// One run in ten tips.
    pub p10: (f64, f64),
    /// Half of the runs tip.
    pub p50: (f64, f64),
    /// Nine in ten tip.
    pub p90: (f64, f64),
    /// p90 - p10.
    pub spread: (f64, f64),
}

/// Quantile of the normal distribution at 90 %.
const Z90: f64 = 1.281_551_565_544_600_4;
/// Replications with which the range is found.
const SCOUTS: u64 = 24;
/// Points of the grid.
const GRID: usize = 9;
/// Rounds of the bootstrap.
const ROUNDS: usize = 200;
/// Halvings while the range is found.
const HALVINGS: usize = 24;

struct Trial<'a> {
    system: &'a System,
    trigger: &'a Trigger,
    vary: Vary,
    experiment: Experiment,
}

impl Trial<'_> {
    /// Outcomes of replications at a value.
    fn at(&self, value: f64, replications: u64) -> Result<Vec<Outcome>, SystemError> {
        let Experiment { seed, settle, aftermath, .. } = self.experiment;
        let model = &self.system.model;
        let run = match self.vary {
            Vary::Duration => TriggerRun::of(model, self.trigger).lasting(value),
            Vary::Size => TriggerRun::sized(model, self.trigger, value),
        };
        let run = TriggerRun { at: settle, ..run };
        let horizon = settle + run.duration + aftermath;
        let plan =
            Plan { seed, replications, horizon, sample_every: horizon / 200.0, triggers: vec![run], latencies: false };
        let edges = edges(model, &plan)?;
        let window = outcome::window(self.system, &plan).min(0.5 * aftermath);
        let numbers = 0..replications;
        Ok(numbers.into_par_iter().map(|r| self.system.run(&plan, &edges, r).outcome(window)).collect())
    }

    fn share(&self, value: f64) -> Result<f64, SystemError> {
        let outcomes = self.at(value, SCOUTS.min(self.experiment.replications))?;
        Ok(outcomes.iter().filter(|&&o| o == Outcome::Collapsed).count() as f64 / outcomes.len() as f64)
    }

    /// Two values between which the share rises from below a fifth to above four fifths.
    fn range(&self) -> Result<Option<(f64, f64)>, SystemError> {
        let (mut low, mut high) = (0.0, self.experiment.most);
        if self.share(high)? < 0.8 {
            return Ok(None);
        }
        // Down to a value that tips some but not all, or to where nothing is left between.
        for _ in 0..HALVINGS {
            let middle = 0.5 * (low + high);
            let share = self.share(middle)?;
            if share > 0.8 {
                high = middle;
            } else if share < 0.2 {
                low = middle;
            } else {
                let (mut below, mut above) = (middle, middle);
                // Each edge by halving on its own side.
                let (mut outer, mut far) = (low, high);
                for _ in 0..5 {
                    let lower = 0.5 * (outer + below);
                    if self.share(lower)? < 0.1 {
                        outer = lower;
                    } else {
                        below = lower;
                    }
                    let upper = 0.5 * (far + above);
                    if self.share(upper)? > 0.9 { far = upper } else { above = upper }
                }
                return Ok(Some((outer, far)));
            }
            if high - low < 1e-4 * high {
                return Ok(Some((low, high)));
            }
        }
        Ok(Some((low, high)))
    }
}

/// The odds of a trigger of the model, on the threads of the present pool.
///
/// # Errors
/// [`SystemError`] if the model has no such trigger, or it cannot be simulated.
pub fn odds(system: &System, trigger: &str, vary: Vary, experiment: Experiment) -> Result<Odds, SystemError> {
    let found = system.model.triggers.iter().find(|t| t.name.value == trigger);
    let trigger = found.ok_or_else(|| SystemError::UnknownTrigger(trigger.to_owned()))?;
    if !trigger.kick.is_empty() {
        return Err(SystemError::Kick(trigger.name.value.clone()));
    }
    let trial = Trial { system, trigger, vary, experiment };
    let range = trial.range()?;
    let (low, high) = range.unwrap_or((0.0, experiment.most));
    let values: Vec<f64> = (0..GRID).map(|i| low + (high - low) * i as f64 / (GRID - 1) as f64).collect();
    let columns = values
        .iter()
        .map(|&value| trial.at(value.max(1e-9), experiment.replications))
        .collect::<Result<Vec<Vec<Outcome>>, SystemError>>()?;
    let replications = experiment.replications as usize;
    let tips = |rows: &[usize]| -> Vec<f64> {
        let count = |column: &Vec<Outcome>| rows.iter().filter(|&&r| column[r] == Outcome::Collapsed).count() as f64;
        columns.iter().map(count).collect()
    };
    let all: Vec<usize> = (0..replications).collect();
    let counts = tips(&all);
    let n = replications as f64;
    let fit = range.and_then(|_| probit(&values, &counts, n));
    let isotonic = isotonic(&counts.iter().map(|c| c / n).collect::<Vec<f64>>());
    let point = |(i, &value): (usize, &f64)| OddsPoint {
        value,
        tips: Interval::wilson(counts[i] as usize, replications, NORMAL_95),
        isotonic: isotonic[i],
        fitted: fit.map(|(m, s)| cdf((value - m) / s)),
    };
    let points = values.iter().enumerate().map(point).collect();
    let quantiles = fit.map(|fit| {
        let mut luck = stream(experiment.seed, u64::MAX, 0);
        let mut again = Vec::new();
        for _ in 0..ROUNDS {
            let rows: Vec<usize> = all.iter().map(|_| luck.random_range(0..replications)).collect();
            again.extend(probit(&values, &tips(&rows), n));
        }
        let number = |of: &dyn Fn((f64, f64)) -> f64| {
            let values: Vec<f64> = again.iter().map(|&f| of(f)).collect();
            let mean = values.iter().sum::<f64>() / values.len() as f64;
            let square = values.iter().map(|v| (v - mean).powi(2)).sum::<f64>() / (values.len() as f64 - 1.0);
            (of(fit), square.sqrt())
        };
        Quantiles {
            p10: number(&|(m, s)| m - Z90 * s),
            p50: number(&|(m, _)| m),
            p90: number(&|(m, s)| m + Z90 * s),
            spread: number(&|(_, s)| 2.0 * Z90 * s),
        }
    });
    let undecided = columns.iter().flatten().filter(|&&o| o == Outcome::Undecided).count();
    Ok(Odds { vary, points, quantiles, undecided, replications })
}

/// Standard normal distribution function.
fn cdf(z: f64) -> f64 {
    0.5 * libm::erfc(-z / std::f64::consts::SQRT_2)
}

/// Mean and deviation of the threshold by maximum likelihood (Fisher scoring on Φ(a + b x)).
fn probit(values: &[f64], tips: &[f64], n: f64) -> Option<(f64, f64)> {
    let (least, most) = (values.first()?, values.last()?);
    let (middle, width) = (0.5 * (least + most), 0.5 * (most - least));
    if width <= 0.0 {
        return None;
    }
    let (mut a, mut b) = (0.0_f64, 2.0_f64);
    for _ in 0..60 {
        let mut score = [0.0; 2];
        let mut information = [0.0; 3];
        for (&value, &count) in values.iter().zip(tips) {
            let x = (value - middle) / width;
            let z = (a + b * x).clamp(-6.0, 6.0);
            let (p, density) = (cdf(z), (-0.5 * z * z).exp() / (2.0 * std::f64::consts::PI).sqrt());
            let spread = p * (1.0 - p);
            let (pull, weight) = (density * (count - n * p) / spread, n * density * density / spread);
            score = [score[0] + pull, score[1] + pull * x];
            information = [information[0] + weight, information[1] + weight * x, information[2] + weight * x * x];
        }
        let determinant = information[0] * information[2] - information[1] * information[1];
        if determinant <= 1e-12 * information[0] * information[2] {
            return None;
        }
        let da = (information[2] * score[0] - information[1] * score[1]) / determinant;
        let db = (information[0] * score[1] - information[1] * score[0]) / determinant;
        let step = 1.0_f64.min(2.0 / (da.abs() + db.abs()));
        a += step * da;
        b += step * db;
        // Nothing between none and all: any steep curve fits.
        if b > 1e4 {
            return None;
        }
        if da.abs() + db.abs() < 1e-10 {
            break;
        }
    }
    (b > 0.0).then(|| (middle - width * a / b, width / b))
}

/// Least-squares fit that never falls (pool adjacent violators; Ayer et al. 1955), all points weighing the same.
fn isotonic(shares: &[f64]) -> Vec<f64> {
    let mut pools: Vec<(f64, usize)> = Vec::new();
    for &share in shares {
        pools.push((share, 1));
        while let [.., (a, n), (b, m)] = pools[..] {
            if a <= b {
                break;
            }
            pools.truncate(pools.len() - 2);
            pools.push(((a * n as f64 + b * m as f64) / (n + m) as f64, n + m));
        }
    }
    pools.into_iter().flat_map(|(share, n)| std::iter::repeat_n(share, n)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_fit_finds_the_curve_it_was_given() {
        let values: Vec<f64> = (0..9).map(|i| 0.8 + 0.1 * f64::from(i)).collect();
        let counts: Vec<f64> = values.iter().map(|x| 1000.0 * cdf((x - 1.15) / 0.2)).collect();
        let (m, s) = probit(&values, &counts, 1000.0).expect("a fit");
        assert!((m - 1.15).abs() < 1e-6 && (s - 0.2).abs() < 1e-6, "{m} {s}");
    }

    #[test]
    fn pools_never_fall() {
        let fitted = isotonic(&[0.0, 0.4, 0.2, 0.3, 1.0]);
        let exact = [0.0, 0.3, 0.3, 0.3, 1.0];
        assert!(fitted.len() == 5 && fitted.iter().zip(exact).all(|(f, e): (&f64, f64)| (f - e).abs() < 1e-12));
    }
}
