//! From what was typed for MODEL and `--set` to a compiled model.

use super::failure::Failure;
use super::shipped::Shipped;
use super::terminal::Terminal;
use crate::answers::compare::Candidate;
use crate::answers::study::{Study, StudyError};
use crate::model::types::{Closure, Model};
use crate::model::{self, Diagnostic, Diagnostics, Loaded, Override};
use std::path::{Path, PathBuf};

/// The model a verb is about.
#[derive(Debug, Clone, clap::Args)]
pub(super) struct ModelArgument {
    /// Model file, or the name of a shipped model (see `tipping models`).
    #[arg(value_name = "MODEL")]
    pub(super) path: PathBuf,
}

/// A model that was understood.
#[derive(Debug)]
pub(super) struct Input {
    /// The model, ready for questions.
    pub(super) study: Study,
    /// SHA-256 of its file.
    pub(super) sha256: String,
    /// How it is named on the command line.
    pub(super) name: String,
}

impl Input {
    /// Reads a model and compiles it.
    ///
    /// # Errors
    /// [`Failure::Model`] with every mistake.
    pub(super) fn read(argument: &ModelArgument, overrides: &[Override], terminal: Terminal) -> Result<Self, Failure> {
        let loaded = open(&argument.path, overrides, Some(terminal))?;
        let Loaded { model, sha256, mut diagnostics, .. } = loaded;
        let study = compile(model, &mut diagnostics).ok_or_else(|| Failure::Model(Box::new(diagnostics.clone())))?;
        if !diagnostics.is_empty() {
            terminal.diagnostics(&diagnostics);
        }
        Ok(Self { study, sha256, name: argument.path.display().to_string() })
    }

    /// Reads a model without compiling it: for what needs no equations.
    ///
    /// # Errors
    /// [`Failure::Model`] with every mistake.
    pub(super) fn load(
        argument: &ModelArgument,
        overrides: &[Override],
        terminal: Terminal,
    ) -> Result<Loaded, Failure> {
        let loaded = open(&argument.path, overrides, Some(terminal))?;
        if !loaded.diagnostics.is_empty() {
            terminal.diagnostics(&loaded.diagnostics);
        }
        Ok(loaded)
    }

    /// The model with these changes, for one of many points: compiled quietly, or the first thing that is wrong with it.
    ///
    /// # Errors
    /// A message of one line.
    pub(super) fn remake(argument: &ModelArgument, overrides: &[Override]) -> Result<Study, String> {
        let line = |text: String| text.lines().find(|l| !l.trim().is_empty()).unwrap_or_default().trim().to_owned();
        let mut loaded = open(&argument.path, overrides, None).map_err(|failure| line(failure.to_string()))?;
        let study = compile(loaded.model, &mut loaded.diagnostics);
        study.ok_or_else(|| line(Failure::Model(Box::new(loaded.diagnostics)).to_string()))
    }

    /// The same model with another closure and without triggers: for where it rests.
    ///
    /// # Errors
    /// [`Failure::Unsolved`] if it cannot be compiled that way.
    pub(super) fn at_rest(&self, closure: Option<Closure>) -> Result<Study, Failure> {
        let mut model = self.study.model.clone();
        model.triggers.clear();
        model.meta.closure = closure.unwrap_or(model.meta.closure);
        Study::new(model).map_err(|error| Failure::Unsolved(error.to_string()))
    }
}

/// A model with other designs of it.
#[derive(Debug)]
pub(super) struct Candidates {
    /// The designs, the model as it stands first.
    pub(super) designs: Vec<Candidate>,
    /// SHA-256 of its file.
    pub(super) sha256: String,
}

impl Candidates {
    /// Reads a model, its variants if asked for, and the designs typed as `NAME:path=value,...`.
    ///
    /// # Errors
    /// [`Failure`] with every mistake of the first design that has some.
    pub(super) fn read(
        argument: &ModelArgument,
        overrides: &[Override],
        typed: &[String],
        variants: bool,
        terminal: Terminal,
    ) -> Result<Self, Failure> {
        let Loaded { model, sha256, mut diagnostics, variants: written } =
            open(&argument.path, overrides, Some(terminal))?;
        let refused = |diagnostics: &Diagnostics| Failure::Model(Box::new(diagnostics.clone()));
        let study = compile(model, &mut diagnostics).ok_or_else(|| refused(&diagnostics))?;
        if !diagnostics.is_empty() {
            terminal.diagnostics(&diagnostics);
        }
        let mut designs =
            vec![Candidate { name: "as it stands".to_owned(), about: String::new(), changes: Vec::new(), study }];
        if variants && written.is_empty() && typed.is_empty() {
            let hint = "give designs with --with NAME:path=value, or write [variant.NAME] into the model file";
            return Err(Failure::usage("there is nothing to compare: the model has no variants", hint));
        }
        for variant in written.into_iter().filter(|_| variants) {
            let model = variant.model.map_err(|diagnostics| refused(&diagnostics))?;
            let study = compile(model, &mut diagnostics).ok_or_else(|| refused(&diagnostics))?;
            let changes = variant.changes;
            designs.push(Candidate { name: variant.name, about: variant.about, changes, study });
        }
        for design in typed {
            let Some((name, list)) = design.split_once(':') else {
                let hint = "write --with NAME:path=value, for example --with two:client.web.retry.attempts=2";
                return Err(Failure::usage(format!("`{design}` has no name"), hint));
            };
            // A comma inside of brackets belongs to a list.
            let changes = split_outside_brackets(list);
            let mut all = overrides.to_vec();
            all.extend(changes.iter().map(Override::new));
            let mut loaded = open(&argument.path, &all, None)?;
            let study = compile(loaded.model, &mut loaded.diagnostics).ok_or_else(|| refused(&loaded.diagnostics))?;
            designs.push(Candidate { name: name.trim().to_owned(), about: String::new(), changes, study });
        }
        Ok(Self { designs, sha256 })
    }
}

/// The parts between commas that stand outside of brackets.
fn split_outside_brackets(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    let mut depth = 0_usize;
    for letter in text.chars() {
        match letter {
            '[' => depth += 1,
            ']' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                parts.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(last) = parts.last_mut() {
            last.push(letter);
        }
    }
    parts
}

/// Opens a file or a shipped model; which one, is said only if there is a terminal to say it on.
fn open(path: &Path, overrides: &[Override], terminal: Option<Terminal>) -> Result<Loaded, Failure> {
    let refused = |diagnostics: Diagnostics| Failure::Model(Box::new(diagnostics));
    match path.to_str().and_then(Shipped::find) {
        Some(shipped) if !path.exists() => {
            let file = shipped.file();
            if let Some(terminal) = terminal {
                terminal.note(&format!("there is no file {}; using the shipped model {file}", path.display()));
            }
            model::load(shipped.text, &file, overrides).map_err(refused)
        }
        _ => model::open(path, overrides).map_err(refused),
    }
}

/// Compiles a model; mistakes in its equations join the other findings about its file.
fn compile(model: Model, diagnostics: &mut Diagnostics) -> Option<Study> {
    match Study::new(model) {
        Ok(study) => return Some(study),
        Err(StudyError::Equations(problems)) => {
            for problem in problems {
                let found = Diagnostic::error("expression", problem.message).at(problem.span, "");
                diagnostics.push(found.maybe_hint(problem.hint));
            }
        }
        Err(error @ StudyError::NoLoad) => {
            let hint = "name it: [model] load = \"client.web.load\", or the name of a parameter";
            diagnostics.push(Diagnostic::error("no-load", error.to_string()).hint(hint));
        }
    }
    diagnostics.sort();
    None
}
