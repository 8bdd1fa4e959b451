//! From text to a checked model, in one call.

use super::check::check;
use super::diagnostic::{Diagnostic, Diagnostics, Sources};
use super::interpret::interpret;
use super::overrides::{self, Override};
use super::read::{File, read, sha256};
use super::reader::Sink;
use super::tree;
use super::types::Model;
use std::path::Path;

/// A model with what there is to know about its file.
#[derive(Debug, Clone)]
pub struct Loaded {
    /// The model, with all overrides applied.
    pub model: Model,
    /// SHA-256 of the file as it is on disk, in hexadecimal.
    pub sha256: String,
    /// Warnings, with the sources that spans in the model point into; errors found later can be added.
    pub diagnostics: Diagnostics,
}

/// Reads a file and loads the model in it.
///
/// # Errors
/// Everything that is wrong with the file or with the overrides.
pub fn open(path: &Path, overrides: &[Override]) -> Result<Loaded, Diagnostics> {
    let file: File = read(path)?;
    let loaded = load(&file.text, &file.name, overrides)?;
    Ok(Loaded { sha256: file.sha256, ..loaded })
}

/// Loads the model in a text; `name` is how messages call it.
///
/// # Errors
/// Everything that is wrong with the text or with the overrides.
pub fn load(text: &str, name: &str, overrides: &[Override]) -> Result<Loaded, Diagnostics> {
    let mut diagnostics = Diagnostics::new(Sources::of(name, text));
    let mut root = match tree::parse(text) {
        Ok(root) => root,
        Err(diagnostic) => {
            diagnostics.push(*diagnostic);
            return Err(diagnostics);
        }
    };
    if root.entries.is_empty() {
        let message = if text.trim().is_empty() { "the model file is empty" } else { "the model file says nothing" };
        let hint = "begin with [model] and a name, then a [client.NAME] and a [service.NAME]";
        diagnostics.push(Diagnostic::error("empty-model", message).hint(hint));
        return Err(diagnostics);
    }
    let sink = Sink::default();
    overrides::apply(&mut root, overrides, &mut diagnostics.sources, &sink);
    let model = interpret(&root, &sink);
    check(&model, &sink);
    diagnostics.list = sink.into_list();
    diagnostics.sort();
    if diagnostics.has_errors() {
        return Err(diagnostics);
    }
    Ok(Loaded { model, sha256: sha256(text.as_bytes()), diagnostics })
}
