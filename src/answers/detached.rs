//! Collapsed states that the main branch does not lead to.
//!
//! Where something slow follows the load, an autoscaler for example, a system that is loaded slowly never collapses: the
//! main branch passes today's load once. A shock collapses it all the same, into a state on a curve of its own. That
//! curve is followed downwards in load; the fold at which it ends is the recovery load.

use super::landscape::{Landscape, is_starved};
use super::limits::{Limit, LimitKind, Limits};
use crate::dynamics::continuation::{BranchOptions, Kind, Location, Orientation, follow};
use crate::process::fluid::Fluid;

/// Lowest load that is looked at, as a share of today's.
const LOWEST: f64 = 1e-3;

/// Puts the recovery load of a detached collapsed state in the place of that of the main branch.
pub(super) fn recovery_of_detached(fluid: &Fluid, load: usize, landscape: &Landscape, limits: &mut Limits) {
    let p = &landscape.parameters;
    let today = p[load];
    if limits.recovery.as_ref().is_some_and(|r| r.load <= today) {
        return;
    }
    let mut states = landscape.states.iter().filter(|s| s.segment.is_none() && s.stable() == Some(true));
    let Some(state) = states.find(|s| is_starved(fluid, p, load, &s.x)) else { return };
    let options = BranchOptions { stability: false, ..BranchOptions::new(LOWEST * today, 1.001 * today) };
    let Ok(branch) = follow(fluid, p, load, &state.x, Orientation::Down, &options) else { return };
    let fold = branch.specials.iter().find_map(|special| match &special.kind {
        Kind::Fold(Location::Refined(fold)) if fold.parameter < today => Some(fold),
        _ => None,
    });
    limits.recovery =
        fold.map(|fold| Limit { load: fold.parameter, kind: LimitKind::Fold, x: Some(fold.x.clone()), omega: None });
    if fold.is_none() {
        let reached = branch.points.last().map_or(today, |point| point.parameter);
        let share = 100.0 * reached / today;
        limits
            .warnings
            .push(format!("the collapsed state was followed down to {share:.3} % of the load and did not end"));
    }
}
