//! What is evaluated in each step of all lanes: the right-hand side, and right-hand side with Jacobian.

use super::Unsupported;
use super::elimination::Elimination;
use crate::process::field::{Field, StateInfo};
use crate::process::fluid::Fluid;
use crate::process::graph::Op;
use crate::process::slopes::slopes;
use crate::process::tape::{Layout, Tape};

/// Compiled equations without lags, in which time does not occur.
#[derive(Debug, Clone)]
pub(super) struct Equations {
    pub(super) states: Vec<StateInfo>,
    pub(super) layout: Layout,
    /// The right-hand side.
    pub(super) drift: Tape,
    /// The right-hand side, then the entries of the Jacobian.
    pub(super) slopes: Tape,
    /// Row and column of each entry of the Jacobian that does not vanish.
    pub(super) entries: Vec<(usize, usize)>,
    pub(super) elimination: Elimination,
}

impl Equations {
    pub(super) fn new(fluid: &Fluid) -> Result<Self, Unsupported> {
        let (drift, layout) = fluid.tape();
        if layout.lags > 0 {
            return Err(Unsupported::Lags);
        }
        if drift.reads(layout.time(0)) {
            return Err(Unsupported::Time);
        }
        let dim = layout.states;
        let mut process = fluid.process().clone();
        let mut nodes = process.drift();
        let graph = &mut process.graph;
        let (mut filled, mut entries) = (vec![false; dim * dim], Vec::new());
        let roots = nodes.clone();
        for column in 0..dim {
            let direction = slopes(graph, &roots, |g, op| match op {
                Op::State { index, lag: 0 } if index as usize == column => Some(g.constant(1.0)),
                _ => None,
            });
            for (row, slope) in direction.into_iter().enumerate() {
                if let Some(slope) = slope {
                    filled[row * dim + column] = true;
                    entries.push((row, column));
                    nodes.push(slope);
                }
            }
        }
        Ok(Self {
            states: fluid.states().to_vec(),
            layout,
            drift: drift.clone(),
            slopes: Tape::compile(graph, &nodes, layout),
            entries,
            elimination: Elimination::new(dim, filled),
        })
    }
}
