//! What each design of the shipped models does: writes `docs/cures.md`. `cargo run --release --example cures [-- MODEL...]`
//! (with names of models: prints these only).

#![allow(clippy::print_stdout, reason = "a program that prints")]

use std::error::Error;
use std::path::{Path, PathBuf};
use tipping::answers::compare::{Candidate, compare};
use tipping::answers::study::Study;
use tipping::model;
use tipping::report::document::Block;
use tipping::report::{compare as document, markdown};

const HEAD: &str = "# Cures

What each design of the shipped models does to the two limits: the load at which the good state ends (tip-over) and the load below
which a collapse heals (recovery). \"As it stands\" is the model file; the others are its variants, each with the direction of its
effect written in the file and held by a test. The tables are what `tipping compare MODEL --variants --format md` prints; all are
written anew by `cargo run --release --example cures`.

";

fn main() -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let wanted: Vec<String> = std::env::args().skip(1).collect();
    let files = std::fs::read_dir(root.join("models"))?.map(|f| f.map(|f| f.path())).collect::<Result<Vec<_>, _>>()?;
    let mut files: Vec<PathBuf> = files.into_iter().filter(|f| f.extension().is_some_and(|e| e == "toml")).collect();
    files.sort();
    let named =
        |file: &PathBuf| wanted.is_empty() || wanted.iter().any(|w| file.file_stem().is_some_and(|s| *s == **w));
    files.retain(named);
    let mut chapters = Vec::new();
    for file in files {
        chapters.extend(chapter(&file).map_err(|e| format!("{}: {e}", file.display()))?);
    }
    let text = chapters.join("\n");
    if wanted.is_empty() {
        std::fs::write(root.join("docs/cures.md"), format!("{HEAD}{text}"))?;
    } else {
        println!("{text}");
    }
    Ok(())
}

/// The chapter of a model; `None` if it has no variants.
fn chapter(file: &Path) -> Result<Option<String>, Box<dyn Error>> {
    let loaded = model::open(file, &[]).map_err(|d| d.render(false))?;
    if loaded.variants.is_empty() {
        return Ok(None);
    }
    let study = Study::new(loaded.model)?;
    let today = study.load.value / study.load.factor;
    let first = Candidate { name: "as it stands".to_owned(), about: String::new(), changes: Vec::new(), study };
    let mut designs = vec![first];
    for variant in loaded.variants {
        let study = Study::new(variant.model.map_err(|d| d.render(false))?)?;
        designs.push(Candidate { name: variant.name, about: variant.about, changes: variant.changes, study });
    }
    let comparison = compare(&designs, &loaded.sha256).map_err(|(name, error)| format!("{name}: {error}"))?;
    let mut blocks = document::document(&comparison, today);
    // What is better and worse can be read off the table.
    if let Some(end) = blocks.iter().position(|b| *b == Block::Heading(document::TRADES.to_owned())) {
        blocks.drain(end..end + 2);
    }
    let text = markdown::render(&blocks);
    // One level down: the page has a title of its own.
    let lines = text.lines().map(|line| if line.starts_with('#') { format!("#{line}\n") } else { format!("{line}\n") });
    Ok(Some(lines.collect()))
}
