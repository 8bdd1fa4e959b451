//! Internal clocks: spacings of mean 1 with a given squared coefficient of variation.

use crate::random::Stream;
use rand_distr::{Distribution, Exp1, Gamma};

/// How an event's internal clock advances.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Clock {
    /// Exponential spacings: a Poisson process, without memory.
    Poisson,
    /// Gamma spacings of shape 1/c², c² the squared coefficient of variation.
    Renewal(Gamma<f64>),
    /// Constant spacings.
    Regular,
}

impl Clock {
    /// The clock whose count has variance `dispersion` per mean. Anything that is not a dispersion gives a Poisson clock.
    pub(super) fn new(dispersion: f64) -> Self {
        if dispersion == 0.0 {
            return Self::Regular;
        }
        match Gamma::new(1.0 / dispersion, dispersion) {
            Ok(gamma) if dispersion != 1.0 => Self::Renewal(gamma),
            _ => Self::Poisson,
        }
    }

    /// Internal time to the next event.
    #[inline]
    pub(super) fn next(&self, stream: &mut Stream) -> f64 {
        match self {
            Self::Poisson => Exp1.sample(stream),
            Self::Renewal(gamma) => gamma.sample(stream),
            Self::Regular => 1.0,
        }
    }

    /// Internal time to the first event of a clock that has run for ever: for gamma spacings a uniform share of a spacing
    /// chosen with probability proportional to its length, which is gamma with one more in shape.
    pub(super) fn first(&self, dispersion: f64, stream: &mut Stream) -> f64 {
        use rand::RngExt;
        match self {
            Self::Poisson => Exp1.sample(stream),
            Self::Regular => stream.random::<f64>(),
            Self::Renewal(_) => {
                let longer = Gamma::new(1.0 / dispersion + 1.0, dispersion).map_or(1.0, |g| g.sample(stream));
                longer * stream.random::<f64>()
            }
        }
    }

    /// Whether the past of the clock says nothing about its future.
    pub(super) fn forgets(&self) -> bool {
        matches!(self, Self::Poisson)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::stream;

    #[test]
    fn spacings_have_mean_one_and_the_dispersion_asked_for() {
        for (i, dispersion) in [0.0, 0.25, 1.0, 4.0].into_iter().enumerate() {
            let mut random = stream(1, 0, i as u64);
            let clock = Clock::new(dispersion);
            let n = 200_000;
            let draws: Vec<f64> = (0..n).map(|_| clock.next(&mut random)).collect();
            let mean = draws.iter().sum::<f64>() / f64::from(n);
            let variance = draws.iter().map(|d| (d - mean) * (d - mean)).sum::<f64>() / f64::from(n);
            assert!((mean - 1.0).abs() < 5.0 * (dispersion / f64::from(n)).sqrt() + 1e-12, "{mean}");
            assert!((variance - dispersion).abs() < 0.05 * dispersion + 1e-12, "{variance}");
            // Mean residual time of a renewal process is (1 + c²)/2.
            let first = (0..n).map(|_| clock.first(dispersion, &mut random)).sum::<f64>() / f64::from(n);
            assert!((first - 0.5 * (1.0 + dispersion)).abs() < 0.03 * (1.0 + dispersion), "{first}");
        }
    }
}
