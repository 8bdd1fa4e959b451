//! Reads the file itself, and says clearly why it is not a text that could be a model.

use super::diagnostic::{Diagnostic, Diagnostics, Sources};
use crate::process::suggest;
use sha2::{Digest, Sha256};
use std::fmt::Write as _;
use std::io::{ErrorKind, Read as _};
use std::path::Path;

/// Largest file that is read, in bytes.
const LARGEST: u64 = 10_000_000;

/// A text file as read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Its path as given.
    pub name: String,
    /// Its text, without a byte order mark.
    pub text: String,
    /// SHA-256 of its bytes, in hexadecimal.
    pub sha256: String,
}

/// Reads a text file.
///
/// # Errors
/// One diagnostic that says why it cannot be used.
pub fn read(path: &Path) -> Result<File, Diagnostics> {
    let name = path.display().to_string();
    let bytes = bytes(path).map_err(|diagnostic| Diagnostics::single(&name, *diagnostic))?;
    let sha256 = sha256(&bytes);
    let refuse = |diagnostic| Err(Diagnostics::single(&name, diagnostic));
    if bytes.starts_with(&[0xff, 0xfe]) || bytes.starts_with(&[0xfe, 0xff]) {
        let diagnostic = Diagnostic::error("not-utf8", "the file is encoded as UTF-16, not as UTF-8");
        return refuse(diagnostic.hint("save it as UTF-8 in your editor"));
    }
    if let Some(at) = bytes.iter().position(|&b| b == 0) {
        let message = format!("this is a binary file, not a model: it has a zero byte at offset {at}");
        return refuse(Diagnostic::error("binary", message));
    }
    let body = bytes.strip_prefix(&[0xef, 0xbb, 0xbf]).unwrap_or(&bytes);
    match std::str::from_utf8(body) {
        Ok(text) => Ok(File { name, text: text.to_owned(), sha256 }),
        Err(error) => {
            let at = error.valid_up_to();
            let byte = body.get(at).copied().unwrap_or_default();
            // Up to the mistake the lossy text has the same offsets.
            let mut diagnostics = Diagnostics::new(Sources::of(&name, &String::from_utf8_lossy(body)));
            let diagnostic =
                Diagnostic::error("not-utf8", format!("the file is not UTF-8: byte 0x{byte:02x} cannot stand here"));
            diagnostics.push(diagnostic.at(at..at + 1, "").hint("save it as UTF-8 in your editor"));
            Err(diagnostics)
        }
    }
}

/// SHA-256 in hexadecimal.
#[must_use]
pub fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn bytes(path: &Path) -> Result<Vec<u8>, Box<Diagnostic>> {
    let unreadable = |error: &std::io::Error| Box::new(io_error(path, error));
    let metadata = std::fs::metadata(path).map_err(|e| unreadable(&e))?;
    if metadata.is_dir() {
        let inside = neighbours(path);
        let diagnostic = Diagnostic::error("directory", "this is a directory, not a model file");
        let hint = match inside.first() {
            Some(first) => format!("name a file in it, such as {}", path.join(first).display()),
            None => "name a model file".to_owned(),
        };
        return Err(Box::new(diagnostic.hint(hint)));
    }
    let too_large = |size: String| {
        let message = format!("the file is too large for a model: {size}, at most 10 MB are read");
        Box::new(
            Diagnostic::error("too-large", message)
                .hint("metric files are read with `tipping fit` and `tipping inspect`"),
        )
    };
    if metadata.is_file() && metadata.len() > LARGEST {
        return Err(too_large(format!("{} MB", metadata.len() / 1_000_000)));
    }
    let mut bytes = Vec::new();
    let file = std::fs::File::open(path).map_err(|e| unreadable(&e))?;
    // A pipe or a device has no size beforehand.
    file.take(LARGEST + 1).read_to_end(&mut bytes).map_err(|e| unreadable(&e))?;
    if bytes.len() as u64 > LARGEST {
        return Err(too_large("more than 10 MB".to_owned()));
    }
    Ok(bytes)
}

fn io_error(path: &Path, error: &std::io::Error) -> Diagnostic {
    match error.kind() {
        ErrorKind::NotFound => {
            let name = path.file_name().map(|n| n.to_string_lossy().into_owned()).unwrap_or_default();
            let folder = path.parent().filter(|p| !p.as_os_str().is_empty()).unwrap_or(Path::new("."));
            let files = neighbours(folder);
            let near = suggest::nearest(&name, files.iter().map(String::as_str));
            Diagnostic::error("no-such-file", "there is no such file")
                .maybe_hint(near.map(|n| format!("did you mean `{}`?", path.with_file_name(n).display())))
        }
        ErrorKind::PermissionDenied => Diagnostic::error("unreadable", "permission to read the file is denied"),
        _ => Diagnostic::error("unreadable", format!("the file cannot be read: {error}")),
    }
}

/// The TOML files of a folder, in order.
fn neighbours(folder: &Path) -> Vec<String> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let names = entries.filter_map(|e| e.ok()?.file_name().into_string().ok());
    let mut all: Vec<String> = names.filter(|n| n.ends_with(".toml")).collect();
    all.sort();
    all
}
