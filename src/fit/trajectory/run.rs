//! One solution of the equations, read at the moments of the measurements.
//!
//! A reading is a sample, or the mean over an interval: Gauss-Legendre with three points on panels that end where the
//! load changes and where a change of the load arrives after a lag, because quantities may jump there. Where such a jump
//! arrives at `τ = t_k + L` and L depends on a parameter, the mean over w seconds moves with it by
//! `(q_- - q_+) ∂L/∂θ / w`.

use crate::dynamics::integrate::{Segment, Sensitivities, Side, Trajectory};
use crate::process::field::Field;
use crate::process::fluid::{Moment, Tangent};

/// When something was measured: the time, and the seconds before it that it is the mean of; zero for a sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Reading {
    pub(super) at: f64,
    pub(super) span: f64,
}

/// A solution and what it was computed with.
#[derive(Debug)]
pub(super) struct Run {
    pub(super) path: Trajectory,
    pub(super) segments: Vec<Segment>,
    /// Lags by segment.
    pub(super) lags: Vec<Vec<f64>>,
}

/// Nodes and weights of Gauss-Legendre quadrature with three points on 0..1.
const GAUSS: [(f64, f64); 3] =
    [(0.112_701_665_379_258_31, 5.0 / 18.0), (0.5, 8.0 / 18.0), (0.887_298_334_620_741_7, 5.0 / 18.0)];
/// Most panels of an interval.
const PANELS: usize = 24;

/// An end of a panel inside an interval; with the lag and the piece after which the load changed, if it arrives late.
#[derive(Debug, Clone, Copy)]
struct Edge {
    at: f64,
    arrival: Option<(usize, usize)>,
}

/// Reads quantities off a run; one for each thread.
pub(super) struct Reader<'a> {
    tangent: &'a mut Tangent,
    run: &'a Run,
    /// For derivatives, with those of the lags by segment.
    slopes: Option<(&'a Sensitivities, &'a [Vec<f64>])>,
    /// Lags at which a quantity reads the load.
    late: &'a [bool],
    x: Vec<f64>,
    past: Vec<f64>,
    rate: Vec<f64>,
    state_slopes: Vec<f64>,
    past_slopes: Vec<f64>,
    value: Vec<f64>,
    slope: Vec<f64>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(
        tangent: &'a mut Tangent,
        run: &'a Run,
        slopes: Option<(&'a Sensitivities, &'a [Vec<f64>])>,
        late: &'a [bool],
    ) -> Self {
        let (n, count, quantities) = (tangent.fluid().dim(), tangent.free(), tangent.quantities());
        let lags = run.lags.first().map_or(0, Vec::len);
        Self {
            run,
            slopes,
            late,
            x: vec![0.0; n],
            past: vec![0.0; n * lags],
            rate: vec![0.0; n],
            state_slopes: vec![0.0; n * count],
            past_slopes: vec![0.0; n * count * lags],
            value: vec![0.0; quantities],
            slope: vec![0.0; quantities * count],
            tangent,
        }
    }

    /// Writes the quantities, and behind them their derivatives quantity by quantity if there are any.
    pub(super) fn read(&mut self, reading: Reading, out: &mut [f64]) {
        out.fill(0.0);
        let Reading { at, span } = reading;
        if span <= 0.0 {
            self.sample(at, None);
            self.add(out, 1.0);
            return;
        }
        let from = (at - span).max(0.0);
        let edges = self.edges(from, at);
        let width = at - from;
        let mut ends: Vec<f64> = edges.iter().map(|e| e.at).collect();
        if self.late.contains(&true) {
            // What is read after a lag may turn sharply, and moves with the lag: the steps of the solution know where.
            ends.extend(self.run.path.starts_between(from, at));
            ends.sort_by(f64::total_cmp);
        }
        let mut left = from;
        for right in ends.into_iter().chain([at]) {
            for (node, weight) in GAUSS {
                self.sample(left + node * (right - left), None);
                self.add(out, weight * (right - left) / width);
            }
            left = right;
        }
        if self.slopes.is_some() {
            self.moving(&edges, width, out);
        }
    }

    /// Adds what jumps that arrive earlier or later change.
    fn moving(&mut self, edges: &[Edge], width: f64, out: &mut [f64]) {
        let (quantities, count) = (self.value.len(), self.tangent.free());
        for edge in edges {
            let Some((lag, piece)) = edge.arrival else { continue };
            let slopes = self.slopes.map(|(_, lags)| &lags[self.segment(edge.at)][lag * count..(lag + 1) * count]);
            let Some(slopes) = slopes.filter(|s| s.iter().any(|s| *s != 0.0)) else { continue };
            let mut jump = vec![0.0; quantities];
            for (sign, piece) in [(1.0, piece), (-1.0, piece + 1)] {
                self.sample(edge.at, Some((lag, piece, if sign > 0.0 { Side::Left } else { Side::Right })));
                jump.iter_mut().zip(&self.value).for_each(|(j, v)| *j += sign * v);
            }
            for (q, jump) in jump.iter().enumerate() {
                for (k, slope) in slopes.iter().enumerate() {
                    out[quantities + q * count + k] += jump * slope / width;
                }
            }
        }
    }

    fn add(&self, out: &mut [f64], weight: f64) {
        let (values, slopes) = out.split_at_mut(self.value.len());
        values.iter_mut().zip(&self.value).for_each(|(o, v)| *o += weight * v);
        slopes.iter_mut().zip(&self.slope).for_each(|(o, v)| *o += weight * v);
    }

    /// Where quantities may jump between two times.
    fn edges(&self, from: f64, to: f64) -> Vec<Edge> {
        let run = self.run;
        let lags = &run.lags[self.segment(from)];
        let mut edges: Vec<Edge> = Vec::new();
        let mut gather = |lag: f64, arrival: Option<usize>| {
            let first = run.segments.partition_point(|s| s.until + lag <= from);
            for (piece, segment) in run.segments.iter().enumerate().skip(first) {
                let at = segment.until + lag;
                if at >= to || piece + 1 == run.segments.len() {
                    break;
                }
                edges.push(Edge { at, arrival: arrival.map(|j| (j, piece)) });
            }
        };
        gather(0.0, None);
        for (j, lag) in lags.iter().enumerate().filter(|(j, _)| self.late.get(*j) == Some(&true)) {
            gather(*lag, Some(j));
        }
        edges.sort_by(|a, b| a.at.total_cmp(&b.at));
        if edges.len() >= PANELS { Vec::new() } else { edges }
    }

    fn segment(&self, t: f64) -> usize {
        self.run.segments.partition_point(|s| s.until <= t).min(self.run.segments.len() - 1)
    }

    /// Evaluates the quantities at a time, before what is set then; with the load of a certain piece at one of the lags, and
    /// the state on that side, if told.
    fn sample(&mut self, t: f64, told: Option<(usize, usize, Side)>) {
        let run = self.run;
        let now = self.segment(t);
        let lags = &run.lags[now];
        let (n, count) = (self.x.len(), self.tangent.free());
        state(&run.path, t, Side::Left, &mut self.x);
        let mut history: Vec<&[f64]> = Vec::with_capacity(lags.len());
        for (j, lag) in lags.iter().enumerate() {
            let (piece, side) = match told {
                Some((lag, piece, side)) if lag == j => (piece, side),
                _ => (self.segment(t - lag), Side::Left),
            };
            state(&run.path, t - lag, side, &mut self.past[j * n..(j + 1) * n]);
            history.push(&run.segments[piece].parameters);
        }
        let with_history;
        let own = run.segments[now].parameters.as_slice();
        let p = if history.iter().all(|h| std::ptr::eq(*h, own)) {
            own
        } else {
            with_history = self.tangent.fluid().with_history(own, &history);
            with_history.as_slice()
        };
        let Some((sensitivities, lag_slopes)) = self.slopes else {
            let moment = Moment { t, x: &self.x, past: &self.past, past_slopes: &[], lag_slopes: &[], p };
            self.tangent.values(&moment, &mut self.value);
            return;
        };
        let lag_slopes = &lag_slopes[now];
        sensitivities.at(&run.path, t, Side::Left, &mut self.state_slopes);
        for (j, lag) in lags.iter().enumerate() {
            let slopes = &mut self.past_slopes[j * n * count..(j + 1) * n * count];
            sensitivities.at(&run.path, t - lag, Side::Left, slopes);
            if t - lag < run.path.start() || !run.path.slope_into(t - lag, &mut self.rate) {
                self.rate.fill(0.0);
            }
            for (i, rate) in self.rate.iter().enumerate() {
                for k in 0..count {
                    slopes[i * count + k] -= rate * lag_slopes[j * count + k];
                }
            }
        }
        let moment = Moment { t, x: &self.x, past: &self.past, past_slopes: &self.past_slopes, lag_slopes, p };
        self.tangent.slopes(&moment, &self.state_slopes, &mut self.value, &mut self.slope);
    }
}

/// The states at a time; before the start those of the start, after the end those of the end.
fn state(path: &Trajectory, t: f64, side: Side, out: &mut [f64]) {
    let there = match side {
        Side::Left => path.before_into(t, out),
        Side::Right => t >= path.start() && path.at_into(t, out),
    };
    if there {
        return;
    }
    if t <= path.start() {
        out.copy_from_slice(path.initial());
    } else {
        out.copy_from_slice(path.final_state());
    }
}
