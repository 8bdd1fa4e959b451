//! What a user waits for: the analysis of shipped models as a library call, and the whole process.

use criterion::{Criterion, criterion_group, criterion_main};
use std::hint::black_box;
use std::path::Path;
use std::process::{Command, Stdio};
use tipping::answers::analysis::analyze;
use tipping::answers::study::Study;
use tipping::model::open;

fn library(c: &mut Criterion, name: &str) -> Result<(), String> {
    let loaded = open(Path::new(&format!("models/{name}.toml")), &[]).map_err(|e| format!("{e:?}"))?;
    let study = Study::new(loaded.model).map_err(|e| e.to_string())?;
    analyze(&study, &loaded.sha256).map_err(|e| e.to_string())?;
    c.bench_function(&format!("analyze/{name}"), |b| b.iter(|| analyze(black_box(&study), &loaded.sha256).is_ok()));
    Ok(())
}

fn process(c: &mut Criterion, label: &str, arguments: &[&str]) {
    let run = || {
        let mut command = Command::new(env!("CARGO_BIN_EXE_tipping"));
        command.args(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).output()
    };
    // A binary that does not know the verb yet says nothing on stdout.
    if !run().is_ok_and(|output| output.status.success() && !output.stdout.is_empty()) {
        c.bench_function(&format!("process/{label} (skipped: not in this binary)"), |b| b.iter(|| ()));
        return;
    }
    c.bench_function(&format!("process/{label}"), |b| b.iter(|| run().is_ok()));
}

fn bench(c: &mut Criterion) {
    for name in ["m1", "retry-storm", "mm1-retry", "usl-contention"] {
        if let Err(error) = library(c, name) {
            panic!("{name}: {error}");
        }
    }
    process(c, "version", &["--version"]);
    process(c, "analyze retry-storm", &["analyze", "models/retry-storm.toml"]);
}

criterion_group! {
    name = benches;
    config = Criterion::default().sample_size(10);
    targets = bench
}
criterion_main!(benches);
