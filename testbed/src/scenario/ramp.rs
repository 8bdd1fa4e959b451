//! The load goes up until the service collapses, and down until it heals.

use super::Options;
use super::files;
use super::recorder::Recorder;
use super::run::share;
use crate::Error;
use crate::arrivals::{Piece, total};
use crate::pair::{Design, Pair};
use crate::prometheus::now;
use std::time::{Duration, Instant};

/// Up over capacity and down again, in seconds and requests per second; 240 s in all.
fn profile() -> Vec<Piece> {
    vec![
        Piece::constant(150.0, 15.0),
        Piece::ramp(150.0, 520.0, 111.0),
        Piece::constant(520.0, 4.0),
        Piece::ramp(520.0, 60.0, 92.0),
        Piece::constant(60.0, 18.0),
    ]
}

/// Load at a time of the profile, in requests per second.
fn load(profile: &[Piece], at: f64) -> f64 {
    let mut start = 0.0;
    for piece in profile {
        if at < start + piece.duration {
            return piece.from + (piece.to - piece.from) * (at - start) / piece.duration;
        }
        start += piece.duration;
    }
    0.0
}

/// Runs the ramp; writes `testbed-ramp.json`, `testbed-ramp.csv` and the loads at which it fell over and healed into
/// `testbed-summary.csv`.
///
/// Each lane runs it by itself. A lane falls over at the load at which, of the requests of a second, less than half are
/// answered in time for the first time, and heals when more than 90 % of them are for the first time after.
///
/// # Errors
/// Prometheus does not start, or a file cannot be written.
pub fn ramp(options: &Options) -> Result<Vec<String>, Error> {
    let mut recorder = Recorder::start(options, Design::NOMINAL, None)?;
    let profile = profile();
    let from = now();
    let start = Instant::now();
    for pair in &mut recorder.pairs {
        pair.drive(profile.clone());
    }
    let mut before: Vec<_> = recorder.pairs.iter().map(Pair::counts).collect();
    let mut found: Vec<(Option<f64>, Option<f64>)> = vec![(None, None); before.len()];
    let end = total(&profile);
    for second in 1..=(end.floor() as u32) {
        let until = start + Duration::from_secs(u64::from(second));
        std::thread::sleep(until.saturating_duration_since(Instant::now()));
        let load = load(&profile, f64::from(second) - 0.5);
        for ((pair, before), (down, up)) in recorder.pairs.iter().zip(&mut before).zip(&mut found) {
            let counts = pair.counts();
            let share = share(*before, counts);
            *before = counts;
            if down.is_none() && share < 0.5 {
                *down = Some(load);
            } else if down.is_some() && up.is_none() && share > 0.9 {
                *up = Some(load);
            }
        }
    }
    std::thread::sleep(Duration::from_secs(1));
    recorder.export(options, "testbed-ramp", from, now(), true)?;
    let row = |what: &str, lane: usize, load: Option<f64>| {
        load.map(|load| format!("ramp,{what},lane {},{load:.0},,,req/s", lane + 1))
    };
    let rows: Vec<String> = found
        .iter()
        .enumerate()
        .flat_map(|(lane, (down, up))| [row("collapsed at", lane, *down), row("healed at", lane, *up)])
        .flatten()
        .collect();
    files::summary(&options.out, "ramp", &rows)?;
    Ok(rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ramp_takes_four_minutes_and_passes_capacity() {
        let profile = profile();
        assert!((total(&profile) - 240.0).abs() < 1e-9);
        assert!((load(&profile, 70.5) - 335.0).abs() < 1e-9);
        assert!((load(&profile, 128.0) - 520.0).abs() < 1e-9);
        assert!((load(&profile, 239.0) - 60.0).abs() < 1e-9);
    }
}
