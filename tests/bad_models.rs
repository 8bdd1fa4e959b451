//! Every wrong model file in `tests/bad_models` is refused with exactly the text beside it. Run with `UPDATE_EXPECT=1`
//! to rewrite the texts, and read each one: the caret must be right and the message must say what to do.

use proptest::prelude::*;
use std::fs;
use std::path::{Path, PathBuf};
use tipping::model::{self, Override};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad_models")
}

/// What is said about a file, under a name that is the same on every machine.
fn said(path: &Path) -> Result<String, String> {
    let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
    let shown = |diagnostics: model::Diagnostics| {
        let mut text = diagnostics.render(false);
        text = text.replace(&path.display().to_string(), &name);
        text
    };
    match model::open(path, &[]) {
        Ok(loaded) => Err(format!("{name} was accepted\n{}", shown(loaded.diagnostics))),
        Err(diagnostics) => Ok(shown(diagnostics)),
    }
}

#[test]
fn wrong_files_are_refused_with_the_expected_text() {
    let mut files: Vec<PathBuf> = fs::read_dir(folder())
        .expect("the folder is there")
        .filter_map(|e| Some(e.ok()?.path()))
        .filter(|p| p.extension().is_some_and(|e| e == "toml"))
        .collect();
    files.sort();
    assert!(files.len() >= 45, "only {} files", files.len());
    let mut wrong = Vec::new();
    for entry in fs::read_dir(folder()).expect("the folder is there").flatten() {
        let path = entry.path();
        let stale = path.extension().is_some_and(|e| e == "stderr") && !path.with_extension("toml").exists();
        if stale && !path.ends_with("overrides.stderr") {
            wrong.push(format!("{} belongs to no file", path.display()));
        }
    }
    for file in &files {
        let text = match said(file) {
            Ok(text) => text,
            Err(complaint) => {
                wrong.push(complaint);
                continue;
            }
        };
        let expected = file.with_extension("stderr");
        if std::env::var_os("UPDATE_EXPECT").is_some() {
            fs::write(&expected, &text).expect("the expectation can be written");
        }
        let known = fs::read_to_string(&expected).unwrap_or_default();
        if known != text {
            wrong.push(format!("{}: expected\n{known}\nfound\n{text}", file.display()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n----\n"));
}

/// A folder of its own for one test, removed at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new(name: &str) -> Self {
        let path = std::env::temp_dir().join(format!("tipping-{name}-{}", std::process::id()));
        fs::create_dir_all(&path).expect("a temporary folder");
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn a_directory_is_refused() {
    let scratch = Scratch::new("directory");
    let folder = scratch.0.join("models");
    fs::create_dir_all(&folder).expect("folder");
    fs::write(folder.join("a.toml"), "").expect("file");
    let text = said(&folder).expect("refused");
    assert_eq!(
        text,
        "error: this is a directory, not a model file\n --> models\n  = hint: name a file in it, such as models/a.toml\n"
    );
}

#[test]
fn a_missing_file_is_refused_with_the_nearest_name() {
    let scratch = Scratch::new("missing");
    fs::write(scratch.0.join("retry-storm.toml"), "").expect("file");
    let text = said(&scratch.0.join("retry-strom.toml")).expect("refused");
    assert!(text.starts_with("error: there is no such file\n --> retry-strom.toml\n"), "{text}");
    assert!(text.contains("retry-storm.toml`?"), "{text}");
}

#[test]
fn a_huge_file_is_refused_unread() {
    let scratch = Scratch::new("huge");
    let path = scratch.0.join("huge.toml");
    fs::File::create(&path).and_then(|f| f.set_len(50_000_000)).expect("a sparse file");
    let text = said(&path).expect("refused");
    assert!(text.contains("too large for a model: 50 MB, at most 10 MB are read"), "{text}");
}

#[test]
fn files_cut_anywhere_never_panic() {
    let text = include_str!("../models/retry-storm.toml");
    for end in 0..text.len() {
        if let Some(part) = text.get(..end) {
            let _ = model::load(part, "part.toml", &[]).map_err(|d| d.render(true));
        }
    }
}

#[test]
fn files_with_one_character_changed_never_panic() {
    let text = include_str!("../models/retry-storm.toml");
    for (at, old) in text.char_indices() {
        for new in ['"', '=', '[', '}', '-', '9', 'é', '\t', '\n', '%'] {
            let changed = format!("{}{new}{}", &text[..at], &text[at + old.len_utf8()..]);
            let _ = model::load(&changed, "changed.toml", &[]).map_err(|d| d.render(false));
        }
    }
}

#[test]
fn wrong_overrides_are_refused_with_their_place() {
    let text = include_str!("../models/retry-storm.toml");
    let mut shown = String::new();
    for argument in [
        "client.web.laod=80 req/s",
        "client.web.load=80",
        "client.web.load",
        "client.web.load=",
        "web.retry.attempts=2",
        "client.web.retry.attempts=2.5",
        "client.web.retry.jitter=ful",
        "client.web.retry=envoi",
        "client.web.calls=apo",
        "service.api.queue.limit=5",
        "service.api.queue.limit=x0.001",
        "client.web.breaker=finagle",
        "service.db.servers=5",
        "service.api.servers=nan",
        "client.web.retry.cap=x2",
        "client.web.load=+5 req/s",
        "client.web.load=-200 %",
        "trigger.load-spike.set.client.web.load=5 s",
        "=5",
        "",
    ] {
        match model::load(text, "retry-storm.toml", &[Override::new(argument)]) {
            Ok(_) => panic!("{argument} was accepted"),
            Err(diagnostics) => shown += &format!("{}\n", diagnostics.render(false)),
        }
    }
    let expected = folder().join("overrides.stderr");
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        fs::write(&expected, &shown).expect("the expectation can be written");
    }
    assert_eq!(fs::read_to_string(&expected).unwrap_or_default(), shown);
}

proptest! {
    #[test]
    fn any_text_is_read_or_refused(text in "(?s).{0,200}") {
        let _ = model::load(&text, "any.toml", &[]).map_err(|d| d.render(true));
    }

    #[test]
    fn any_value_is_read_or_refused(value in "[-+x0-9.eE_ %/*^()µa-zäß\t]{0,20}", key in 0usize..5) {
        let text = include_str!("../models/retry-storm.toml");
        let path = ["client.web.load", "client.web.retry.attempts", "service.api.queue", "client.web.retry", "model.load"][key];
        let argument = Override::new(format!("{path}={value}"));
        let _ = model::load(text, "storm.toml", &[argument]).map_err(|d| d.render(false));
        let _ = model::unit::parse(&value);
        let _ = model::unit::parse_unit(&value);
    }

    #[test]
    fn a_printed_quantity_can_be_read_again(value in -1e9..1e9f64, unit in 0usize..4) {
        let (unit, factor) = [("ms", 1e-3), ("req/s", 1.0), ("%", 0.01), ("h", 3600.0)][unit];
        let text = model::unit::in_unit(value, unit, factor);
        let read = model::unit::parse(&text).expect("readable").value;
        prop_assert!((read - value).abs() <= 1e-5 * value.abs(), "{value} -> {text} -> {read}");
    }
}
