//! Draws one chart of each kind, with made-up numbers, into a folder: `cargo run --example plot_gallery -- DIR`.

use std::error::Error;
use std::path::{Path, PathBuf};

use tipping::plot::{
    Branch, BranchPoint, ChartPanel, CriticalCurve, Curve, Escape, Figure, Fold, Hysteresis, LineChart, Reference,
    Scale, Series, StatedTrigger, TimePanel, TimeSeries, TriggerCurve, TriggerSpan,
};

fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args().nth(1).unwrap_or_else(|| "gallery".to_owned()));
    std::fs::create_dir_all(&folder)?;
    save(&folder, "hysteresis", &hysteresis().draw()?)?;
    save(&folder, "hysteresis-escape", &hysteresis_with_escape().draw()?)?;
    save(&folder, "time-series", &time_series().draw()?)?;
    save(&folder, "trigger-curve", &trigger_curve().draw()?)?;
    save(&folder, "trigger-curve-odds", &trigger_odds().draw()?)?;
    save(&folder, "line-chart", &line_chart().draw()?)?;
    save(&folder, "line-chart-log", &mean_time_to_collapse().draw()?)?;
    Ok(())
}

fn save(folder: &Path, name: &str, figure: &Figure) -> Result<(), Box<dyn Error>> {
    std::fs::write(folder.join(format!("{name}.svg")), figure.svg())?;
    std::fs::write(folder.join(format!("{name}.png")), figure.png()?)?;
    Ok(())
}

/// `count` values from `low` to `high`.
fn steps(low: f64, high: f64, count: u32) -> impl Iterator<Item = f64> {
    (0..count).map(move |i| low + (high - low) * f64::from(i) / f64::from(count - 1))
}

fn hysteresis() -> Hysteresis {
    let (tip, back) = (95.5, 25.0);
    let mut points = Vec::new();
    for load in steps(1.0, tip, 60) {
        let queue = 14.0 * (1.0 - (1.0 - (load / tip).powi(8)).sqrt());
        points.push(BranchPoint { load, goodput: load, inside: load / 10.0 + queue, stable: true });
    }
    for t in steps(0.0, 1.0, 60) {
        let load = tip - (tip - back) * (t * std::f64::consts::FRAC_PI_2).sin().powi(2);
        let goodput = tip + (19.0 - tip) * t.powf(0.8);
        points.push(BranchPoint { load, goodput, inside: 23.5 * (250.0_f64 / 23.5).powf(t), stable: false });
    }
    for load in steps(back, 130.0, 60) {
        let goodput = 4.0 + 15.0 * (-(load - back) / 25.0).exp();
        let inside = 299.0 - 49.0 * (-(load - back) / 6.0).exp();
        points.push(BranchPoint { load, goodput, inside, stable: true });
    }
    Hysteresis {
        title: "It tips over at 95.5 req/s and comes back only below 25 req/s".to_owned(),
        subtitle: Some("retry-storm: 10 servers of 100 ms, timeout 1 s, 4 attempts, queue limit 300".to_owned()),
        unit: "req/s".to_owned(),
        inside_label: String::new(),
        inside_unit: "req".to_owned(),
        branches: vec![Branch { points, collapsed: false }],
        escape: None,
        tip_over: Some(Fold { load: tip, goodput: tip, inside: 23.5 }),
        recovery: Some(Fold { load: back, goodput: 19.0, inside: 250.0 }),
        today: Some(60.0),
    }
}

fn hysteresis_with_escape() -> Hysteresis {
    let (tip, back) = (940.0, 810.0);
    let good = |load: f64| BranchPoint { load, goodput: load, inside: 1.0 / (1.0 - load / 1000.0), stable: true };
    let saddle = |load: f64| BranchPoint {
        load,
        goodput: load - 0.2 * (tip - load),
        inside: 16.7 * (1.0 + ((tip - load) / (load - back)).sqrt() * 2.5),
        stable: false,
    };
    let points = steps(10.0, tip, 60).map(good).chain(steps(tip, back + 0.2, 120).map(saddle)).collect();
    Hysteresis {
        title: "Cache stampede after a flush".to_owned(),
        subtitle: Some("cold-cache: unlimited queue in front of the database".to_owned()),
        unit: "req/s".to_owned(),
        inside_label: "Waiting at the database".to_owned(),
        inside_unit: "req".to_owned(),
        branches: vec![Branch { points, collapsed: false }],
        escape: Some(Escape { points: steps(back, 1200.0, 40).map(|load| (load, 250.0 - load * 0.05)).collect() }),
        tip_over: Some(Fold { load: tip, goodput: tip, inside: 16.7 }),
        recovery: Some(Fold { load: back, goodput: 209.5, inside: f64::NAN }),
        today: Some(900.0),
    }
}

/// A queue that fills in a burst and then either drains or stays full.
fn queue(t: f64, collapses: bool) -> f64 {
    let fill = ((t - 30.0) / 1.2).clamp(0.0, 1.0) * 130.0;
    match (t < 31.2, collapses) {
        (true, _) => 6.1 + fill,
        (false, true) => 299.0 - 163.0 * (-((t - 31.2) / 22.0).powi(2)).exp(),
        (false, false) => 6.1 + 130.0 / (1.0 + ((t - 44.0) / 3.0).exp()),
    }
}

fn time_series() -> TimeSeries {
    let times: Vec<f64> = steps(0.0, 120.0, 1201).collect();
    let curve = |quantity: &str, run: usize, value: &dyn Fn(f64) -> f64| Curve {
        quantity: quantity.to_owned(),
        run,
        points: times.iter().map(|&t| (t, value(t))).collect(),
        band: Vec::new(),
    };
    let load = |t: f64| if (30.0..31.2).contains(&t) { 200.0 } else { 60.0 };
    let sick = |t: f64, bad: bool| ((queue(t, bad) - 80.0) / 60.0).clamp(0.0, 1.0);
    let goodput = |t: f64, bad: bool| 60.0 - 52.0 * sick(t, bad);
    let attempts = |t: f64, bad: bool| load(t) + 176.0 * sick(t - 1.5, bad);
    let with_band = |mut curve: Curve| {
        let spread = |v: f64| 2.0 + 0.1 * v;
        curve.band = curve.points.iter().map(|&(t, v)| (t, (v - spread(v)).max(0.0), v + spread(v))).collect();
        curve
    };
    TimeSeries {
        title: "A burst of 1.16 s is too long, one of 1.10 s still heals".to_owned(),
        subtitle: Some("retry-storm at 60 req/s, trigger load-spike".to_owned()),
        runs: vec![
            ("heals".to_owned(), "heals: burst of 1.10 s".to_owned()),
            ("collapses".to_owned(), "collapses: burst of 1.16 s".to_owned()),
        ],
        triggers: vec![TriggerSpan { from: 30.0, to: 31.16, label: "load-spike: 200 req/s".to_owned() }],
        panels: vec![
            TimePanel {
                label: "Requests".to_owned(),
                unit: "req/s".to_owned(),
                scale: Scale::Linear,
                curves: vec![
                    curve("load", 1, &load),
                    curve("goodput", 0, &|t| goodput(t, false)),
                    curve("goodput", 1, &|t| goodput(t, true)),
                    curve("attempts", 0, &|t| attempts(t, false)),
                    curve("attempts", 1, &|t| attempts(t, true)),
                ],
            },
            TimePanel {
                label: "Requests inside".to_owned(),
                unit: "req".to_owned(),
                scale: Scale::Linear,
                curves: vec![
                    with_band(curve("inside", 0, &|t| queue(t, false))),
                    with_band(curve("inside", 1, &|t| queue(t, true))),
                ],
            },
            TimePanel {
                label: "Share of attempts that time out".to_owned(),
                unit: "%".to_owned(),
                scale: Scale::Linear,
                curves: vec![
                    curve("timeouts", 0, &|t| 100.0 * sick(t - 1.0, false)),
                    curve("timeouts", 1, &|t| 100.0 * sick(t - 1.0, true)),
                ],
            },
        ],
    }
}

/// Bursts above what drains tip the system once they have brought `excess` requests.
fn critical(name: &str, base: f64, excess: f64) -> CriticalCurve {
    let durations = (0..60).map(|i| 0.3 * 100.0_f64.powf(f64::from(i) / 59.0));
    CriticalCurve {
        name: name.to_owned(),
        points: durations.map(|d| (d, base + excess / d)).collect(),
        band: Vec::new(),
    }
}

fn trigger_curve() -> TriggerCurve {
    TriggerCurve {
        title: "How large and how long a load spike must be".to_owned(),
        subtitle: Some("retry-storm, trigger load-spike".to_owned()),
        size_label: "Load during the spike".to_owned(),
        size_unit: "req/s".to_owned(),
        size_scale: Scale::Auto,
        curves: vec![
            critical("today: 60 req/s", 95.5, 118.0),
            critical("at 40 req/s", 97.0, 146.0),
            critical("at 75 req/s", 94.0, 72.0),
        ],
        stated: Some(StatedTrigger { label: "load-spike".to_owned(), duration: 1.2, size: 200.0 }),
    }
}

fn trigger_odds() -> TriggerCurve {
    TriggerCurve {
        title: "Odds that a load spike tips the system".to_owned(),
        subtitle: Some("retry-storm at 60 req/s, arrivals at random".to_owned()),
        size_scale: Scale::Log,
        curves: vec![
            critical("tips half of the runs", 95.5, 118.0),
            critical("tips one in ten", 93.0, 84.0),
            critical("tips nine in ten", 98.0, 160.0),
        ],
        ..trigger_curve()
    }
}

fn line_chart() -> LineChart {
    let attempts: Vec<f64> = (1..=8).map(f64::from).collect();
    let series = |name: &str, value: &dyn Fn(f64) -> f64| Series {
        name: name.to_owned(),
        points: attempts.iter().map(|&n| (n, value(n))).collect(),
        band: Vec::new(),
        markers: true,
    };
    LineChart {
        title: "What more attempts buy, and what they cost".to_owned(),
        subtitle: Some("retry-storm, errors of 10 % at random".to_owned()),
        x_label: "Attempts".to_owned(),
        x_unit: String::new(),
        x_scale: Scale::Linear,
        panels: vec![
            ChartPanel {
                label: "Requests that fail in the good state".to_owned(),
                unit: "%".to_owned(),
                scale: Scale::Log,
                series: vec![series("error share", &|n| 100.0 * 0.1_f64.powf(n))],
                height: 0,
            },
            ChartPanel {
                label: "Load".to_owned(),
                unit: "req/s".to_owned(),
                scale: Scale::Linear,
                series: vec![
                    series("tip-over load", &|n| 100.0 - 1.1 * n),
                    series("recovery load", &|n| 100.0 / n),
                    series("recovery load with a 10 % budget", &|n| 100.0 / (1.0 + 0.1 * (n - 1.0))),
                ],
                height: 0,
            },
        ],
        references: vec![Reference { x: 4.0, label: "today: 4 attempts".to_owned() }],
    }
}

fn mean_time_to_collapse() -> LineChart {
    let loads: Vec<f64> = steps(40.0, 94.0, 28).collect();
    let series = |name: &str, steep: f64| Series {
        name: name.to_owned(),
        points: loads.iter().map(|&load| (load, 10.0_f64.powf(2.0 + steep * (1.0 - load / 95.0)))).collect(),
        band: loads
            .iter()
            .map(|&load| {
                let middle = 2.0 + steep * (1.0 - load / 95.0);
                (load, 10.0_f64.powf(middle * 0.93), 10.0_f64.powf(middle * 1.07))
            })
            .collect(),
        markers: false,
    };
    LineChart {
        title: "How long until it dies by itself".to_owned(),
        subtitle: None,
        x_label: "Load".to_owned(),
        x_unit: "req/s".to_owned(),
        x_scale: Scale::Linear,
        panels: vec![ChartPanel {
            label: "Mean time to collapse".to_owned(),
            unit: "s".to_owned(),
            scale: Scale::Log,
            series: vec![
                series("2 attempts", 26.0),
                series("3 attempts", 21.0),
                series("4 attempts", 17.0),
                series("6 attempts", 12.0),
            ],
            height: 0,
        }],
        references: vec![
            Reference { x: 60.0, label: "today 60 req/s".to_owned() },
            Reference { x: 91.0, label: "horizon 30 d reached at 91 req/s".to_owned() },
            Reference { x: 93.5, label: "fold 95 req/s".to_owned() },
        ],
    }
}
