//! The figures as lines, as a document, and as the data that warnings are made of.

use super::measure::Row;
use std::fmt::Write as _;

/// Largest relative deviation of a quantity that is not worth a warning.
fn tolerance(quantity: &str) -> f64 {
    match quantity {
        "recovery load" => 0.05,
        "p50" => 0.08,
        _ => 0.03,
    }
}

/// Requests per second, or seconds, that are as good as none.
const NOTHING: f64 = 0.02;

enum Verdict {
    Holds,
    Misses,
    Open,
}

impl Row {
    /// Relative deviation of the equations, and its standard error.
    fn deviation(&self) -> Option<(f64, f64)> {
        let (fluid, (mean, error)) = self.fluid.zip(self.referee)?;
        Some((fluid / mean - 1.0, error / mean)).filter(|d| d.0.is_finite())
    }

    /// Beyond the tolerance by more than twice the standard error is missed; within it holds; between them is open.
    fn verdict(&self) -> Verdict {
        match (self.fluid, self.referee, self.deviation()) {
            (None, None, _) => Verdict::Holds,
            // Nothing, by accident of a few.
            (Some(fluid), Some((mean, _)), _) if fluid.max(mean) < NOTHING => Verdict::Holds,
            (_, _, Some((off, error))) => {
                let beyond = off.abs() - tolerance(&self.quantity);
                if beyond <= 0.0 {
                    Verdict::Holds
                } else if beyond > 2.0 * error {
                    Verdict::Misses
                } else {
                    Verdict::Open
                }
            }
            _ => Verdict::Misses,
        }
    }

    fn cells(&self) -> [String; 7] {
        let figure = |x: f64| if x.abs() >= 100.0 { format!("{x:.1}") } else { format!("{x:.3}") };
        let unit = &self.unit;
        let none = || "none".to_owned();
        [
            self.component.clone(),
            self.case.clone(),
            self.quantity.clone(),
            self.fluid.map_or_else(none, |x| format!("{} {unit}", figure(x)).trim().to_owned()),
            self.referee.map_or_else(none, |(x, e)| format!("{} ± {}", figure(x), figure(e))),
            self.deviation().map_or_else(String::new, |(off, _)| format!("{:+.1} %", 100.0 * off)),
            match self.verdict() {
                Verdict::Holds => "holds",
                Verdict::Misses => "**misses**",
                Verdict::Open => "within the error",
            }
            .to_owned(),
        ]
    }
}

/// A line for the terminal.
pub(crate) fn line(row: &Row) -> String {
    let [component, case, quantity, fluid, referee, off, verdict] = row.cells();
    format!("{component:<20} {case:<34} {quantity:<18} {fluid:>16} {referee:>20} {off:>9}  {verdict}")
}

/// How many hold.
pub(crate) fn tally(rows: &[Row]) -> String {
    let count = |of: fn(&Verdict) -> bool| rows.iter().filter(|r| of(&r.verdict())).count();
    format!(
        "{} figures: {} hold, {} are beyond the tolerance by less than twice their standard error, {} miss",
        rows.len(),
        count(|v| matches!(v, Verdict::Holds)),
        count(|v| matches!(v, Verdict::Open)),
        count(|v| matches!(v, Verdict::Misses))
    )
}

const HEAD: &str = "# Components held to the referee

Every component that the request-level simulation can run, on one model or more: what the equations say beside what is simulated.
Written by `cargo run --release --example components -- --write [NAME...]`; do not edit. Rows are renewed by component, so that they
may come from different versions of the equations. The rows with `fifo` are
the same system with nothing added. How each figure is measured is said in `examples/components/measure.rs`, the systems are in
`examples/components/cases.rs`.

Tolerances: goodput 3 %, recovery load 5 %, p50 of a trigger 8 %. \"none\" is a limit that does not exist, a trigger that tips nothing, or
a state that is not there. A deviation is the equations' over the simulation. What misses is said by `analyze` and
`compare` as a warning whenever a model uses the component.

";

/// The document.
pub(crate) fn document(rows: &[Row]) -> String {
    let mut text = HEAD.to_owned();
    let _ = writeln!(text, "{}.\n", tally(rows));
    text += "| component | system | quantity | equations | simulated | deviation | |\n|---|---|---|--:|--:|--:|---|\n";
    for row in rows {
        let _ = writeln!(text, "| {} |", row.cells().join(" | "));
    }
    text
}

/// The rows of a table written before.
pub(crate) fn read(text: &str) -> Vec<Row> {
    let mut reader = csv::Reader::from_reader(text.as_bytes());
    let row = |record: csv::StringRecord| {
        let text = |i: usize| record.get(i).unwrap_or_default().to_owned();
        let number = |i: usize| text(i).parse::<f64>().ok();
        let (fluid, referee) = (number(4), number(5).zip(number(6)));
        Row { component: text(0), case: text(1), quantity: text(2), unit: text(3), fluid, referee }
    };
    reader.records().flatten().map(row).collect()
}

/// Rows written before, those of the components measured now replaced; in the order given.
pub(crate) fn merged(before: Vec<Row>, now: Vec<Row>, order: &[&str]) -> Vec<Row> {
    let fresh: Vec<String> = now.iter().map(|row| row.component.clone()).collect();
    let mut all: Vec<Row> = before.into_iter().filter(|row| !fresh.contains(&row.component)).collect();
    all.extend(now);
    all.sort_by_key(|row| order.iter().position(|name| *name == row.component));
    all
}

/// Comma-separated: component, system, quantity, equations, simulated, its error, whether it misses.
pub(crate) fn csv(rows: &[Row]) -> String {
    let mut text = "component,system,quantity,unit,equations,simulated,error,misses\n".to_owned();
    for row in rows {
        let number = |x: Option<f64>| x.map_or_else(String::new, |x| format!("{x:.6}"));
        let misses = matches!(row.verdict(), Verdict::Misses);
        let (mean, error) = (row.referee.map(|r| r.0), row.referee.map(|r| r.1));
        let _ = writeln!(
            text,
            "{},\"{}\",{},{},{},{},{},{misses}",
            row.component,
            row.case,
            row.quantity,
            row.unit,
            number(row.fluid),
            number(mean),
            number(error)
        );
    }
    text
}
