//! Which points a sweep visits: a grid, a scrambled Sobol' sequence, or a Latin hypercube over ranges of numbers.

use super::distribution::Distribution;
use super::latin::Latin;
use super::saltelli::Saltelli;
use super::sobol::Sobol;

/// How values are spread over a range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Spacing {
    /// Equal differences.
    Linear,
    /// Equal ratios; both ends must be positive.
    Logarithmic,
    /// By a distribution; low and high are quantiles far out.
    Random(Distribution),
}

/// The range of one number.
#[derive(Debug, Clone, PartialEq)]
pub struct Axis {
    /// Dotted path of the number.
    pub path: String,
    /// Lowest value, in `unit`.
    pub low: f64,
    /// Highest value, in `unit`.
    pub high: f64,
    /// Unit of both, as typed.
    pub unit: String,
    /// Factor from that unit to base units.
    pub factor: f64,
    /// Values on a grid.
    pub points: u64,
    /// How they are spread.
    pub spacing: Spacing,
}

impl Axis {
    /// The value at a share of the range. The ends are exactly the ends.
    #[must_use]
    pub fn at(&self, share: f64) -> f64 {
        match self.spacing {
            Spacing::Random(distribution) => distribution.quantile(share),
            _ if share <= 0.0 => self.low,
            _ if share >= 1.0 => self.high,
            Spacing::Linear => self.low + share * (self.high - self.low),
            Spacing::Logarithmic => self.low * libm::exp(share * libm::log(self.high / self.low)),
        }
    }
}

/// How points are chosen.
#[derive(Debug, Clone)]
pub enum Sample {
    /// All combinations of the values of the axes; the last axis changes fastest.
    Grid,
    /// The first points of a scrambled Sobol' sequence.
    Sobol(Sobol, u64),
    /// A Latin hypercube of so many points.
    Latin(Latin, u64),
    /// Groups of rows for variance-based indices.
    Saltelli(Saltelli),
}

/// The points of a sweep.
#[derive(Debug, Clone)]
pub struct Design {
    /// The numbers that vary.
    pub axes: Vec<Axis>,
    /// How points are chosen.
    pub sample: Sample,
}

impl Design {
    /// Number of points; `None` if it does not fit 64 bits.
    #[must_use]
    pub fn points(&self) -> Option<u64> {
        match self.sample {
            Sample::Grid => self.axes.iter().try_fold(1_u64, |all, axis| all.checked_mul(axis.points)),
            Sample::Sobol(_, points) | Sample::Latin(_, points) => Some(points),
            Sample::Saltelli(ref design) => Some(design.rows()),
        }
    }

    /// The values at point `i`, one for each axis, in its unit.
    #[must_use]
    pub fn point(&self, i: u64) -> Vec<f64> {
        let shares = match &self.sample {
            Sample::Grid => {
                let mut rest = i;
                let mut shares = vec![0.0; self.axes.len()];
                for (share, axis) in shares.iter_mut().zip(&self.axes).rev() {
                    let number = rest % axis.points;
                    rest /= axis.points;
                    *share = if axis.points > 1 { number as f64 / (axis.points - 1) as f64 } else { 0.0 };
                }
                shares
            }
            Sample::Sobol(sequence, _) => sequence.point(i),
            Sample::Latin(latin, _) => latin.point(i),
            Sample::Saltelli(design) => design.point(i),
        };
        self.axes.iter().zip(shares).map(|(axis, share)| axis.at(share)).collect()
    }
}

/// The rows of shard `k` of `n` (counted from 1) of `points`: consecutive, and as equal in number as can be.
#[must_use]
pub fn shard(points: u64, k: u64, n: u64) -> std::ops::Range<u64> {
    let bound = |k: u64| (u128::from(points) * u128::from(k) / u128::from(n.max(1))) as u64;
    bound(k.saturating_sub(1))..bound(k)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn axis(low: f64, high: f64, points: u64, spacing: Spacing) -> Axis {
        Axis { path: "x".to_owned(), low, high, unit: String::new(), factor: 1.0, points, spacing }
    }

    #[test]
    fn grids_run_through_the_last_axis_first_and_meet_both_ends() {
        let axes = vec![axis(1.0, 3.0, 3, Spacing::Linear), axis(1.0, 100.0, 3, Spacing::Logarithmic)];
        let design = Design { axes, sample: Sample::Grid };
        assert_eq!(design.points(), Some(9));
        let rows: Vec<Vec<f64>> = (0..9).map(|i| design.point(i)).collect();
        assert_eq!((rows[0].clone(), rows[8].clone()), (vec![1.0, 1.0], vec![3.0, 100.0]));
        assert_eq!((rows[1][0], rows[3][0]), (1.0, 2.0));
        assert!((rows[4][1] - 10.0).abs() < 1e-14);
    }

    #[test]
    fn shards_cover_every_row_once() {
        for (points, n) in [(10, 3), (7, 7), (3, 5), (0, 2), (u64::MAX, 9)] {
            let all: Vec<_> = (1..=n).map(|k| shard(points, k, n)).collect();
            assert_eq!((all[0].start, all[all.len() - 1].end), (0, points));
            assert!(all.windows(2).all(|pair| pair[0].end == pair[1].start));
        }
    }
}
