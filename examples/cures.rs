//! What each design of the shipped models does: writes `docs/cures.md`. `cargo run --release --example cures [-- MODEL...]`
//! (with names of models: their chapters only, the others stay as they are).

use std::collections::BTreeMap;
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
    let page = root.join("docs/cures.md");
    let mut chapters: BTreeMap<String, String> = BTreeMap::new();
    if !wanted.is_empty() {
        chapters.extend(written(&std::fs::read_to_string(&page)?));
    }
    for file in files {
        let name = file.file_stem().map(|s| s.to_string_lossy().into_owned()).unwrap_or_default();
        if let Some(text) = chapter(&file).map_err(|e| format!("{name}: {e}"))? {
            chapters.insert(name, text);
        }
    }
    let text: Vec<String> = chapters.into_values().collect();
    std::fs::write(&page, format!("{HEAD}{}", text.join("\n")))?;
    Ok(())
}

/// The chapters of the page as it stands, by model.
fn written(page: &str) -> BTreeMap<String, String> {
    let parts = page.split("\n## ").skip(1);
    let named =
        parts.filter_map(|part| Some((part.split_once(':')?.0.to_owned(), format!("## {}\n", part.trim_end()))));
    named.collect()
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
    let blocks = document::document(&comparison, today);
    // What is better and worse can be read off the table; how far the equations are off, off that of components.
    let kept =
        |b: &Block| *b != Block::Heading(document::TRADES.to_owned()) && *b != Block::Heading(document::OFF.to_owned());
    let kept: Vec<Block> = blocks.into_iter().take_while(kept).collect();
    let text = markdown::render(&kept);
    // What follows the title of the chapter is one level down.
    let lines = text.lines().enumerate().map(|(i, line)| {
        let down = if i > 0 && line.starts_with('#') { "#" } else { "" };
        format!("{down}{line}\n")
    });
    let text: String = lines.collect();
    Ok(Some(format!("{}\n", text.trim_end())))
}
