//! Apache Parquet, where it is built in.

use super::failure::Failure;
use crate::sweep::store::part;
use serde_json::Value;
use std::fs::{self, File};
use std::io;
use std::path::Path;

/// Whether it is built in.
///
/// # Errors
/// [`Failure::Usage`] that says how to get it.
pub(super) fn available() -> Result<(), Failure> {
    if cfg!(feature = "parquet") {
        return Ok(());
    }
    Err(Failure::usage(
        "this program was built without Parquet",
        "build it with `cargo install --path . --features parquet`, or write CSV",
    ))
}

/// Writes the finished rows of a sweep as Parquet.
#[cfg(feature = "parquet")]
pub(super) fn convert(rows: &Path, to: &mut File) -> io::Result<()> {
    Ok(crate::sweep::parquet::convert(rows, to)?)
}

/// Writes the finished rows of a sweep as Parquet.
#[cfg(not(feature = "parquet"))]
pub(super) fn convert(_rows: &Path, _to: &mut File) -> io::Result<()> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

/// Makes the file from rows that are all there, and takes these away.
///
/// # Errors
/// What the system says.
pub(super) fn replace(rows: &Path, to: &Path) -> io::Result<()> {
    let mut draft = rows.as_os_str().to_owned();
    draft.push(".tmp");
    let mut file = File::create(&draft)?;
    let made = convert(rows, &mut file).and_then(|()| file.sync_all()).and_then(|()| fs::rename(&draft, to));
    if made.is_err() {
        // The rows stay where they are: another try can be made of them.
        let _ = fs::remove_file(&draft);
        return made;
    }
    fs::remove_file(rows)
}

/// Whether a complete file of this sweep is there already.
pub(super) fn is_complete(path: &Path, provenance: &Value) -> bool {
    #[cfg(feature = "parquet")]
    let found = crate::sweep::parquet::provenance(path);
    #[cfg(not(feature = "parquet"))]
    let found: Option<String> = None;
    !part(path).exists()
        && found.and_then(|text| serde_json::from_str::<Value>(&text).ok()).as_ref() == Some(provenance)
}
