//! Distributions of the service time, as factors of its mean.
//!
//! With squared coefficient of variation v, by default:
//!
//! ```text
//! v = 0       fixed
//! 0 < v < 1   gamma with shape 1/v: Erlang with k stages where v = 1/k
//! v = 1       exponential
//! v > 1       two-phase hyper-exponential with balanced means: phase 1 with probability p = (1 + sqrt((v-1)/(v+1)))/2 and
//!             mean 1/(2p), else phase 2 with mean 1/(2(1-p))
//! lognormal   exp(N(-s²/2, s²)), s² = ln(1 + v)
//! normal      max(0, N(1, v))
//! ```

use super::draw::Luck;
use crate::model::types::{Distribution as Shape, Service};
use rand_distr::{Distribution, Gamma, StandardNormal};
use std::sync::Arc;

/// A distribution with mean 1 (the truncated normal: a little more).
#[derive(Debug, Clone)]
pub(super) enum Law {
    Fixed,
    Exponential,
    Gamma(Gamma<f64>),
    Hyper { first: f64, means: [f64; 2] },
    Lognormal { spread: f64 },
    Normal { deviation: f64 },
    Empirical { samples: Arc<[f64]>, mean: f64 },
}

impl Law {
    pub(super) fn of(service: &Service) -> Self {
        let v = service.variability.value;
        match service.distribution.value {
            Shape::Empirical if !service.samples.is_empty() => {
                let mean = service.samples.iter().sum::<f64>() / service.samples.len() as f64;
                Self::Empirical { samples: Arc::clone(&service.samples), mean }
            }
            _ if v == 0.0 => Self::Fixed,
            Shape::Lognormal => Self::Lognormal { spread: v.ln_1p().sqrt() },
            Shape::Normal => Self::Normal { deviation: v.sqrt() },
            _ if v == 1.0 => Self::Exponential,
            _ if v < 1.0 => Gamma::new(1.0 / v, v).map_or(Self::Fixed, Self::Gamma),
            _ => {
                let first = 0.5 * (1.0 + ((v - 1.0) / (v + 1.0)).sqrt());
                Self::Hyper { first, means: [0.5 / first, 0.5 / (1.0 - first)] }
            }
        }
    }

    #[inline]
    pub(super) fn draw(&self, luck: &mut Luck) -> f64 {
        match self {
            Self::Fixed => 1.0,
            Self::Exponential => luck.exponential(),
            Self::Gamma(gamma) => gamma.sample(luck.generator()),
            Self::Hyper { first, means } => {
                let phase = usize::from(luck.uniform() >= *first);
                means[phase] * luck.exponential()
            }
            Self::Lognormal { spread } => {
                let z: f64 = StandardNormal.sample(luck.generator());
                (spread * z - 0.5 * spread * spread).exp()
            }
            Self::Normal { deviation } => {
                let z: f64 = StandardNormal.sample(luck.generator());
                (1.0 + deviation * z).max(0.0)
            }
            Self::Empirical { samples, mean } => {
                let place = (luck.uniform() * samples.len() as f64) as usize;
                samples[place.min(samples.len() - 1)] / mean
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::draw::Purpose;
    use super::*;

    /// Mean 1 and the variance asked for, within four standard errors of 400,000 draws.
    #[test]
    fn moments_are_those_of_the_formulas() {
        let gamma = |v: f64| Law::Gamma(Gamma::new(1.0 / v, v).expect("a shape"));
        let hyper = |v: f64| {
            let first = 0.5 * (1.0 + ((v - 1.0) / (v + 1.0_f64)).sqrt());
            Law::Hyper { first, means: [0.5 / first, 0.5 / (1.0 - first)] }
        };
        let lognormal = |v: f64| Law::Lognormal { spread: v.ln_1p().sqrt() };
        let samples = Law::Empirical { samples: vec![1.0, 2.0, 6.0].into(), mean: 3.0 };
        let all = [
            (Law::Fixed, 0.0),
            (Law::Exponential, 1.0),
            (gamma(0.25), 0.25),
            (hyper(4.0), 4.0),
            (lognormal(0.5), 0.5),
            (Law::Normal { deviation: 0.25 }, 0.0625),
            (samples, 14.0 / 27.0),
        ];
        for (place, (law, v)) in all.into_iter().enumerate() {
            let mut luck = Luck::new(1, 2, Purpose::Service, place);
            let n = 400_000.0;
            let draws: Vec<f64> = (0..400_000).map(|_| law.draw(&mut luck)).collect();
            let mean = draws.iter().sum::<f64>() / n;
            let variance = draws.iter().map(|x| (x - mean).powi(2)).sum::<f64>() / n;
            let fourth = draws.iter().map(|x| (x - mean).powi(4)).sum::<f64>() / n;
            assert!((mean - 1.0).abs() <= 4.0 * (v / n).sqrt() + 1e-12, "{law:?}: mean {mean}");
            let error = ((fourth - variance * variance).max(0.0) / n).sqrt();
            assert!((variance - v).abs() <= 4.0 * error + 1e-12, "{law:?}: variance {variance}");
        }
    }
}
