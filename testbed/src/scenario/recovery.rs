//! A collapsed service whose load is lowered step by step until it heals.

use super::Options;
use super::files;
use super::recorder::Recorder;
use super::run::share;
use crate::Error;
use crate::arrivals::{Piece, total};
use crate::pair::{Design, Pair};
use crate::prometheus::now;
use std::time::{Duration, Instant};

/// Load before, in requests per second.
const BEFORE: f64 = 300.0;
/// Length of a step, in seconds. Close to the recovery load the queue falls by a few requests per second only.
const STEP: f64 = 20.0;
/// When the steps begin, in seconds.
const FALL: f64 = 12.0;
/// Loads of the steps, in requests per second.
const STEPS: [f64; 10] = [150.0, 140.0, 135.0, 130.0, 127.5, 125.0, 122.5, 120.0, 115.0, 110.0];

/// Pushed over by two seconds of twice its capacity, then down the steps.
fn profile() -> Vec<Piece> {
    let mut profile =
        vec![Piece::constant(BEFORE, 4.0), Piece::constant(1000.0, 2.0), Piece::constant(BEFORE, FALL - 6.0)];
    profile.extend(STEPS.map(|load| Piece::constant(load, STEP)));
    profile
}

/// Runs the descent in every lane; writes `testbed-recovery.json`, `.csv`, and the load at which each lane healed.
///
/// A lane has healed at the first load at which, in the last two seconds of a step, at least 90 % of the requests were
/// answered in time.
///
/// # Errors
/// Prometheus does not start, or a file cannot be written.
pub fn recovery(options: &Options) -> Result<Vec<String>, Error> {
    let mut recorder = Recorder::start(options, Design::NOMINAL, None)?;
    let profile = profile();
    let from = now();
    let start = Instant::now();
    for pair in &mut recorder.pairs {
        pair.drive(profile.clone());
    }
    let until = |seconds: f64| {
        let at = start + Duration::from_secs_f64(seconds);
        std::thread::sleep(at.saturating_duration_since(Instant::now()));
    };
    let mut healed: Vec<Option<f64>> = vec![None; recorder.pairs.len()];
    let mut collapsed = vec![true; recorder.pairs.len()];
    for (step, load) in std::iter::once(BEFORE).chain(STEPS).enumerate() {
        let end = FALL + STEP * step as f64;
        until(end - 2.0);
        let before: Vec<_> = recorder.pairs.iter().map(Pair::counts).collect();
        until(end);
        for (lane, (pair, before)) in recorder.pairs.iter().zip(before).enumerate() {
            let counts = pair.counts();
            let share = share(before, counts);
            if let (Some(healed), Some(collapsed)) = (healed.get_mut(lane), collapsed.get_mut(lane)) {
                if step == 0 {
                    *collapsed = share < 0.1;
                } else if healed.is_none() && share >= 0.9 {
                    *healed = Some(load);
                }
            }
        }
    }
    until(total(&profile) + 1.0);
    recorder.export(options, "testbed-recovery", from, now(), true)?;
    let mut rows: Vec<String> = healed
        .iter()
        .zip(&collapsed)
        .enumerate()
        .filter(|(_, (_, collapsed))| **collapsed)
        .map(|(lane, (healed, _))| match healed {
            Some(load) => {
                let above = STEPS.iter().copied().filter(|step| step > load).fold(BEFORE, f64::min);
                format!("recovery,healed at,lane {},{load},{load},{above},req/s", lane + 1)
            }
            None => format!("recovery,did not heal,lane {},,,,req/s", lane + 1),
        })
        .collect();
    let mut loads: Vec<f64> = healed.iter().flatten().copied().collect();
    loads.sort_by(f64::total_cmp);
    if let (Some(middle), Some(low), Some(high)) = (loads.get(loads.len() / 2), loads.first(), loads.last()) {
        rows.push(format!(
            "recovery,recovery load,{} descents: median and range,{middle},{low},{high},req/s",
            loads.len()
        ));
    }
    files::summary(&options.out, "recovery", &rows)?;
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_go_down_and_begin_where_the_profile_says() {
        assert!(STEPS.windows(2).all(|pair| pair[1] < pair[0]));
        let all = profile();
        assert!((total(&all[..3]) - FALL).abs() < 1e-9);
        assert!((total(&all) - FALL - STEP * STEPS.len() as f64).abs() < 1e-9);
    }
}
