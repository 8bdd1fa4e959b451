//! All that is asked of a chain: long-run means, shares of the named sets, times between them, modes, lingering.

use super::build::ProcessChain;
use super::error::ChainError;
use super::passage::Passage;

/// Slowest modes that are looked for.
const MODES: usize = 2;

/// What is known about a chain.
#[derive(Debug, Clone, Default)]
pub struct Survey {
    /// Number of lattice states.
    pub states: usize,
    /// Number of rates between them.
    pub rates: usize,
    /// Stationary mean and standard deviation along each axis, in base units.
    pub axes: Vec<(f64, f64)>,
    /// Stationary means of the outputs, in base units.
    pub outputs: Vec<(String, f64)>,
    /// The named sets.
    pub sets: Vec<SetFindings>,
    /// Every ordered pair of sets.
    pub passages: Vec<PassageFindings>,
    /// Rate at which the slowest mode decays, per second.
    pub gap: Option<f64>,
    /// What has no reliable answer, and why.
    pub inconclusive: Vec<String>,
    /// What else should be known.
    pub warnings: Vec<String>,
}

/// What is known about a set.
#[derive(Debug, Clone)]
pub struct SetFindings {
    /// Its name.
    pub name: String,
    /// Number of its states.
    pub states: usize,
    /// Its stationary probability.
    pub probability: Option<f64>,
    /// Given that the chain has long been inside.
    pub inside: Option<Lingering>,
    /// Given that the chain has long been outside.
    pub outside: Option<Lingering>,
}

/// A quasi-stationary distribution in short.
#[derive(Debug, Clone)]
pub struct Lingering {
    /// Mean time until it ends, in seconds.
    pub stay: f64,
    /// Means along each axis, in base units.
    pub means: Vec<f64>,
}

/// Mean time from one set to another, in seconds; infinite if it may never come.
#[derive(Debug, Clone)]
pub struct PassageFindings {
    /// Where it starts.
    pub from: String,
    /// Where it ends.
    pub to: String,
    /// From the worst state: the one with the smallest mean.
    pub mean: f64,
    /// From the stationary distribution within the set.
    pub from_stationary: Option<f64>,
    /// Standard deviation of the time from the worst state.
    pub deviation: f64,
}

impl PassageFindings {
    /// The mean time that counts for how often it happens: from the stationary distribution where there is one.
    #[must_use]
    pub fn expected(&self) -> f64 {
        self.from_stationary.unwrap_or(self.mean)
    }
}

impl Survey {
    /// Asks a chain everything. `allowed` is the memory for the factors, in bytes.
    ///
    /// # Errors
    /// [`ChainError::Memory`]. Other failures leave single answers open and are told in [`Survey::inconclusive`].
    pub fn new(built: &ProcessChain, allowed: u64) -> Result<Self, ChainError> {
        let chain = &built.chain;
        let mut survey = Self { states: chain.len(), rates: chain.generator().rates(), ..Self::default() };
        let stationary = survey.long_run(built, allowed)?;
        let recurrent = chain.closed_class().unwrap_or_else(|_| vec![true; chain.len()]);
        for (name, set) in &built.sets {
            survey.set(built, name, set, stationary.as_deref(), allowed)?;
        }
        for (to, target) in &built.sets {
            let passage = match chain.passage(target, allowed) {
                Ok(passage) => passage,
                Err(ChainError::EmptySet) => continue,
                Err(error @ ChainError::Memory { .. }) => return Err(error),
                Err(error) => {
                    survey.inconclusive.push(format!("times to `{to}`: {error}"));
                    continue;
                }
            };
            let deviation = chain.deviation(&passage);
            for (from, start) in built.sets.iter().filter(|(from, _)| from != to) {
                let start: Vec<usize> = (0..chain.len()).filter(|&i| start[i]).collect();
                let lasting: Vec<usize> = start.iter().copied().filter(|&i| recurrent[i]).collect();
                let found = worst(&passage, if lasting.is_empty() { &start } else { &lasting });
                let Some(worst) = found else { continue };
                let weighted = stationary.as_deref().and_then(|p| weighted(p, &passage, &lasting));
                survey.passages.push(PassageFindings {
                    from: from.clone(),
                    to: to.clone(),
                    mean: passage.mean[worst],
                    from_stationary: weighted,
                    deviation: deviation[worst],
                });
            }
            survey.outside(built, to, &passage);
        }
        survey.passages.sort_by_key(|p| {
            let place = |name: &str| built.sets.iter().position(|s| s.0 == name);
            (place(&p.from), place(&p.to))
        });
        Ok(survey)
    }

    /// Time from one set to another.
    #[must_use]
    pub fn passage(&self, from: &str, to: &str) -> Option<&PassageFindings> {
        self.passages.iter().find(|p| p.from == from && p.to == to)
    }

    fn long_run(&mut self, built: &ProcessChain, allowed: u64) -> Result<Option<Vec<f64>>, ChainError> {
        let chain = &built.chain;
        let stationary = match chain.stationary(allowed) {
            Ok(stationary) => stationary,
            Err(error @ ChainError::Memory { .. }) => return Err(error),
            Err(error) => {
                self.inconclusive.push(format!("the long run: {error}"));
                return Ok(None);
            }
        };
        self.axes = (0..chain.lattice().axes().len()).map(|axis| spread(built, &stationary, axis)).collect();
        let mean = |values: &[f64]| {
            let terms = values.iter().zip(&stationary).filter(|(_, p)| **p > 0.0);
            terms.map(|(value, p)| value * p).sum()
        };
        self.outputs = built.outputs.iter().map(|(name, values)| (name.clone(), mean(values))).collect();
        match chain.modes(&stationary, MODES, allowed) {
            Ok(modes) if !modes.values.is_empty() => self.gap = Some(modes.gap()),
            Ok(_) => {}
            Err(error @ ChainError::Memory { .. }) => return Err(error),
            Err(error) => self.inconclusive.push(format!("the spectral gap: {error}")),
        }
        Ok(Some(stationary))
    }

    fn set(
        &mut self,
        built: &ProcessChain,
        name: &str,
        set: &[bool],
        stationary: Option<&[f64]>,
        allowed: u64,
    ) -> Result<(), ChainError> {
        let states = set.iter().filter(|inside| **inside).count();
        if states == 0 {
            self.warnings.push(format!("no state of the chain is in the set `{name}`"));
        }
        let probability =
            stationary.map(|p| p.iter().zip(set).filter(|(_, inside)| **inside).map(|(p, _)| p).sum::<f64>());
        let inside = match built.chain.factors_of(set, allowed) {
            Ok(factors) => match built.chain.quasi_stationary(&factors) {
                Ok(quasi) => Some(linger(built, &quasi)),
                Err(error) => {
                    self.warnings.push(format!("within `{name}`: {error}"));
                    None
                }
            },
            Err(error @ ChainError::Memory { .. }) => return Err(error),
            // A set that some states never leave has no mean stay.
            Err(_) => None,
        };
        self.sets.push(SetFindings { name: name.to_owned(), states, probability, inside, outside: None });
        Ok(())
    }

    fn outside(&mut self, built: &ProcessChain, name: &str, passage: &Passage) {
        if passage.factors.plan().is_empty() {
            return;
        }
        match built.chain.quasi_stationary(&passage.factors) {
            Ok(quasi) => {
                let set = self.sets.iter_mut().find(|s| s.name == name);
                set.into_iter().for_each(|s| s.outside = Some(linger(built, &quasi)));
            }
            Err(error) => self.warnings.push(format!("outside `{name}`: {error}")),
        }
    }
}

/// Of several states the one with the smallest mean time.
fn worst(passage: &Passage, states: &[usize]) -> Option<usize> {
    states.iter().copied().min_by(|&i, &j| passage.mean[i].total_cmp(&passage.mean[j]))
}

/// Mean time from the stationary distribution within some states.
fn weighted(stationary: &[f64], passage: &Passage, states: &[usize]) -> Option<f64> {
    let total: f64 = states.iter().map(|&i| stationary[i]).sum();
    let sum: f64 = states.iter().map(|&i| stationary[i] * passage.mean[i]).sum();
    (total > 0.0).then(|| sum / total)
}

/// Mean and standard deviation along an axis.
fn spread(built: &ProcessChain, probability: &[f64], axis: usize) -> (f64, f64) {
    let lattice = built.chain.lattice();
    let value = |i: usize| lattice.value(i, axis);
    let mean: f64 = probability.iter().enumerate().map(|(i, p)| p * value(i)).sum();
    let variance: f64 = probability.iter().enumerate().map(|(i, p)| p * (value(i) - mean).powi(2)).sum();
    (mean, variance.sqrt())
}

fn linger(built: &ProcessChain, quasi: &super::quasi::Quasi) -> Lingering {
    let axes = 0..built.chain.lattice().axes().len();
    Lingering { stay: quasi.stay, means: axes.map(|axis| spread(built, &quasi.distribution, axis).0).collect() }
}
