//! `tipping simulate`.

use crate::{scratch, tipping};

/// Head and rows of a CSV of numbers.
fn table(text: &str) -> (Vec<String>, Vec<Vec<f64>>) {
    let mut lines = text.lines();
    let head = lines.next().expect("a head").split(',').map(str::to_owned).collect();
    let rows = lines.map(|l| l.split(',').map(|v| v.parse().unwrap_or(f64::NAN)).collect()).collect();
    (head, rows)
}

fn column(text: &str, name: &str) -> Vec<f64> {
    let (head, rows) = table(text);
    let place = head.iter().position(|h| h == name).unwrap_or_else(|| panic!("{name} in {head:?}"));
    rows.iter().map(|row| row[place]).collect()
}

#[test]
fn a_kick_moves_the_state_by_its_amount_at_its_time() {
    let run = tipping(&["simulate", "models/m1.toml", "--until", "2 s", "--step", "0.5 s"]);
    assert_eq!(run.code, 0, "{}", run.err);
    assert_eq!(column(&run.out, "time_s"), [0.0, 0.5, 1.0, 1.5, 2.0]);
    let n = column(&run.out, "n_req");
    assert!((n[2] - n[1] - 1000.0).abs() < 1e-6, "{n:?}");
}

#[test]
fn without_triggers_the_good_state_holds() {
    let run = tipping(&["simulate", "models/m1.toml", "--no-triggers", "--until", "1 h", "--step", "1 min"]);
    let n = column(&run.out, "n_req");
    assert!(n.iter().all(|v| (v / n[0] - 1.0).abs() < 1e-6), "{n:?}");
}

#[test]
fn the_load_follows_the_trigger() {
    let run = tipping(&["simulate", "models/retry-storm.toml", "--until", "40 s", "--step", "0.1 s"]);
    let load = column(&run.out, "load_req_per_s");
    assert_eq!((load[299], load[300], load[311], load[312]), (60.0, 200.0, 200.0, 60.0));
    let goodput = column(&run.out, "goodput_req_per_s");
    assert!(goodput[0] > 59.9 && goodput[400] < 1.0, "it collapses");
}

#[test]
fn both_closures_start_from_their_own_good_state() {
    for closure in ["moments", "fluid"] {
        let run =
            tipping(&["simulate", "models/retry-storm.toml", "--closure", closure, "--no-triggers", "--until", "60 s"]);
        let inside = column(&run.out, "api.inside_req");
        let last = inside.last().expect("rows");
        assert!((last / inside[0] - 1.0).abs() < 1e-5, "{closure}: {inside:?}");
    }
}

#[test]
fn files_are_written_instead_of_stdout() {
    let folder = scratch("simulate");
    let (csv, png) = (folder.join("a/run.csv"), folder.join("run.png"));
    let run = tipping(&[
        "simulate",
        "models/m1.toml",
        "--csv",
        &csv.display().to_string(),
        "--plot",
        &png.display().to_string(),
    ]);
    assert_eq!((run.code, run.out.as_str()), (0, ""), "{}", run.err);
    assert!(std::fs::read_to_string(csv).expect("a file").starts_with("time_s,"));
    assert!(std::fs::read(png).expect("a file").starts_with(b"\x89PNG"));
}
