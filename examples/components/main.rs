//! Every component that the referee can run, off and on: equations beside request-level simulation.
//!
//! ```text
//! cargo run --release --example components                      every case, as a table
//! cargo run --release --example components -- drop cancel       the cases of these components only
//! cargo run --release --example components -- --write           all, into docs/theory/components.md and src/answers/closures.csv
//! cargo run --release --example components -- --write drop      the same, but the rows of other components stay as they are
//! ```
//!
//! What is measured is said in [`measure`], what it is measured on in [`cases`]. The figures written are those that `analyze`
//! and `compare` warn with.

#![allow(clippy::print_stdout, clippy::print_stderr, reason = "a program that prints what it measures")]

mod cases;
mod fleet;
mod layers;
mod measure;
mod table;

use std::error::Error;
use std::path::Path;
use std::time::Instant;

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let write = arguments.iter().any(|a| a == "--write");
    let wanted: Vec<&String> = arguments.iter().filter(|a| !a.starts_with("--")).collect();
    let chosen = cases::all().into_iter().filter(|c| wanted.is_empty() || wanted.iter().any(|w| *w == c.component));
    let (mut rows, mut failed) = (Vec::new(), 0);
    for case in chosen {
        let begin = Instant::now();
        let found = match measure::measure(&case) {
            Ok(found) => found,
            Err(error) => {
                eprintln!("{}, {}: {error}", case.component, case.label);
                failed += 1;
                continue;
            }
        };
        for row in &found {
            println!("{}", table::line(row));
        }
        eprintln!("{}, {}: {:.0} s", case.component, case.label, begin.elapsed().as_secs_f64());
        rows.extend(found);
    }
    println!("{}", table::tally(&rows));
    if write {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let data = root.join("src/answers/closures.csv");
        if !wanted.is_empty() {
            let order: Vec<&str> = cases::all().iter().map(|case| case.component).collect();
            rows = table::merged(table::read(&std::fs::read_to_string(&data)?), rows, &order);
        }
        std::fs::write(root.join("docs/theory/components.md"), table::document(&rows))?;
        std::fs::write(&data, table::csv(&rows))?;
    }
    if failed > 0 { Err(format!("{failed} cases could not be measured").into()) } else { Ok(()) }
}
