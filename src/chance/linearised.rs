//! The derivatives J_j(t) = ∂f/∂x(t - L_j) along a run, interpolated.
//!
//! The adjoint equations ask for them at many times, of which they are a smooth function between the ends of the steps of the
//! run and the times at which parameters or delayed parameters jump. Between two of these they are the polynomial through
//! exact derivatives at the Chebyshev points of the first kind, none of which lies at an end:
//!
//! ```text
//! J(a + θ (b - a)) = Σ_m l_m(θ) J_m,     θ_m = (1 + cos((2m + 1)π/8))/2,  m = 0..3
//! ```
//!
//! so that each is evaluated four times per step, whatever asks for it. Before the run begins it is at rest, and they are
//! constant.

use super::run::Run;
use crate::process::field::{Field, Jacobian};
use crate::process::fluid::Fluid;
use std::cell::RefCell;

/// Points per piece.
const POINTS: usize = 4;

/// An entry that is not zero, at the points of a piece.
#[derive(Debug, Clone, Copy)]
struct Entry {
    row: usize,
    column: usize,
    values: [f64; POINTS],
}

/// The entries of each block.
type Piece = Vec<Vec<Entry>>;

/// See the module documentation.
pub struct Linearised<'a> {
    run: Run<'a>,
    lags: Vec<f64>,
    jumps: Vec<f64>,
    /// Ends of the pieces, ascending.
    ends: Vec<f64>,
    nodes: [f64; POINTS],
    /// Pieces that were asked for; the first is that before the run.
    pieces: RefCell<Vec<Option<Piece>>>,
}

impl<'a> Linearised<'a> {
    /// The derivatives along `run`.
    #[must_use]
    pub fn new(run: Run<'a>) -> Self {
        let lags = run.lags();
        let mut jumps = Vec::new();
        for joint in run.joints() {
            jumps.push(joint);
            jumps.extend(lags.iter().map(|lag| joint + lag));
        }
        let mut ends: Vec<f64> = run.path.times();
        let (start, end) = (run.path.start(), run.path.end());
        ends.extend(jumps.iter().copied().filter(|t| start < *t && *t < end));
        ends.sort_by(f64::total_cmp);
        let slack = 1e-12 * (end - start);
        // A jump is where it is; the end of a step gives way to it.
        let is_jump = |t: f64| jumps.contains(&t);
        let mut kept: Vec<f64> = Vec::with_capacity(ends.len());
        for t in ends {
            match kept.last_mut() {
                Some(last) if t - *last <= slack => {
                    if is_jump(t) {
                        *last = t;
                    }
                }
                _ => kept.push(t),
            }
        }
        let nodes = std::array::from_fn(|m| {
            0.5 * (1.0 + ((2 * m + 1) as f64 * std::f64::consts::PI / (2 * POINTS) as f64).cos())
        });
        let pieces = RefCell::new(vec![None; kept.len() + 1]);
        Self { run, lags, jumps, ends: kept, nodes, pieces }
    }

    /// The equations.
    #[must_use]
    pub fn fluid(&self) -> &Fluid {
        self.run.fluid
    }

    /// The lags.
    #[must_use]
    pub fn lags(&self) -> &[f64] {
        &self.lags
    }

    /// Where the derivatives may jump.
    #[must_use]
    pub fn jumps(&self) -> &[f64] {
        &self.jumps
    }

    /// Calls `with` with row, column, value and time derivative of every entry of J_j(t) that is not zero.
    pub fn entries(&self, t: f64, j: usize, mut with: impl FnMut(usize, usize, f64, f64)) {
        // Pieces: before the run, then between the ends; what is after the last belongs to the last.
        let place = self.ends.partition_point(|end| *end <= t).min(self.ends.len().saturating_sub(1));
        let (from, to) = match place {
            0 => (t, t),
            k => (self.ends[k - 1], self.ends[k]),
        };
        let mut pieces = self.pieces.borrow_mut();
        let piece = pieces[place].get_or_insert_with(|| self.piece(from, to));
        let Some(entries) = piece.get(j) else { return };
        let width = to - from;
        let (values, slopes) = if width > 0.0 { self.basis(((t - from) / width).clamp(0.0, 1.0)) } else { REST };
        for entry in entries {
            let dot = |weights: &[f64; POINTS]| weights.iter().zip(&entry.values).map(|(w, v)| w * v).sum::<f64>();
            let slope = if width > 0.0 { dot(&slopes) / width } else { 0.0 };
            with(entry.row, entry.column, dot(&values), slope);
        }
    }

    /// Lagrange polynomials and their derivatives at θ.
    fn basis(&self, theta: f64) -> ([f64; POINTS], [f64; POINTS]) {
        let (mut values, mut slopes) = ([0.0; POINTS], [0.0; POINTS]);
        for m in 0..POINTS {
            let (mut value, mut slope) = (1.0, 0.0);
            for k in (0..POINTS).filter(|&k| k != m) {
                let scale = 1.0 / (self.nodes[m] - self.nodes[k]);
                slope = (slope * (theta - self.nodes[k]) + value) * scale;
                value *= (theta - self.nodes[k]) * scale;
            }
            (values[m], slopes[m]) = (value, slope);
        }
        (values, slopes)
    }

    /// The entries at the points between two times.
    fn piece(&self, from: f64, to: f64) -> Piece {
        let n = self.run.fluid.dim();
        let mut jacobian = Jacobian::zeros(n, self.lags.len());
        let mut piece: Piece = vec![Vec::new(); self.lags.len() + 1];
        let mut place = vec![usize::MAX; (self.lags.len() + 1) * n * n];
        let points = if from < to { POINTS } else { 1 };
        for (m, node) in self.nodes.iter().enumerate().take(points) {
            let t = from + node * (to - from);
            let point = self.run.point(t, &self.lags);
            self.run.fluid.jacobian(t, &point.x, &point.past, &point.p, &mut jacobian);
            for (j, block) in jacobian.blocks.iter().enumerate() {
                for (k, &value) in block.iter().enumerate().filter(|(_, value)| **value != 0.0) {
                    let (row, column) = (k % n, k / n);
                    let known = &mut place[j * n * n + k];
                    if *known == usize::MAX {
                        *known = piece[j].len();
                        piece[j].push(Entry { row, column, values: [0.0; POINTS] });
                    }
                    piece[j][*known].values[m] = value;
                }
            }
        }
        piece
    }
}

/// Weights where a single point stands for all.
const REST: ([f64; POINTS], [f64; POINTS]) = ([1.0, 0.0, 0.0, 0.0], [0.0; POINTS]);
