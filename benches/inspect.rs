//! Metric files read to what `inspect` prints, in bytes per second: epoch seconds and eight values of six digits, as a
//! dashboard exports them; the same in all digits, as a database does; with dates; and as a long table.

use chacha20::ChaCha8Rng;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use rand::{RngExt, SeedableRng};
use std::fmt::Write;
use std::hint::black_box;
use tipping::fit::metrics::{Options, Summary, read};

/// Bytes of a file.
const SIZE: usize = 50_000_000;
/// Values in a row of a wide table.
const WIDTH: usize = 8;

fn table(header: &str, mut row: impl FnMut(&mut String, u64, &mut ChaCha8Rng)) -> String {
    let mut random = ChaCha8Rng::seed_from_u64(1);
    let mut text = format!("{header}\n");
    let mut number = 0;
    while text.len() < SIZE {
        row(&mut text, number, &mut random);
        text.push('\n');
        number += 1;
    }
    text
}

/// A number between 0 and 1000 in so many digits after the point.
fn value(text: &mut String, random: &mut ChaCha8Rng, decimals: usize) {
    let number = 1000.0 * random.random::<f64>();
    write!(text, ",{number:.decimals$}").unwrap();
}

fn inspect(c: &mut Criterion) {
    let wide = "timestamp,a,b,c,d,e,f,g,h";
    let files = [
        (
            "epoch seconds, six digits",
            table(wide, |text, row, random| {
                write!(text, "{}", 1_714_557_600 + 15 * row).unwrap();
                (0..WIDTH).for_each(|_| value(text, random, 3));
            }),
        ),
        (
            "epoch seconds, all digits",
            table(wide, |text, row, random| {
                write!(text, "{}", 1_714_557_600 + 15 * row).unwrap();
                (0..WIDTH).for_each(|_| value(text, random, 14));
            }),
        ),
        (
            "dates, six digits",
            table(wide, |text, row, random| {
                let (day, second) = (row / 5760, 15 * (row % 5760));
                let (hour, minute) = (second / 3600, second / 60 % 60);
                write!(text, "2024-{:02}-{:02}T{hour:02}:{minute:02}:{:02}Z", 1 + day / 28, 1 + day % 28, second % 60)
                    .unwrap();
                (0..WIDTH).for_each(|_| value(text, random, 3));
            }),
        ),
        (
            "long table",
            table("Time,job,Value", |text, row, random| {
                write!(text, "{},job-{}", 1_714_557_600_000 + 15_000 * (row / 5), row % 5).unwrap();
                value(text, random, 3);
            }),
        ),
    ];
    let mut group = c.benchmark_group("inspect");
    group.sample_size(10);
    for (name, text) in files {
        let path = std::env::temp_dir().join(format!("tipping-bench-inspect-{}.csv", std::process::id()));
        std::fs::write(&path, &text).expect("written");
        group.throughput(Throughput::Bytes(text.len() as u64));
        drop(text);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let mut summary = Summary::default();
                let facts = read(&path, &Options::default(), &mut summary).expect("read");
                summary.finish();
                black_box((facts, summary))
            });
        });
        std::fs::remove_file(&path).expect("removed");
    }
    group.finish();
}

criterion_group!(benches, inspect);
criterion_main!(benches);
