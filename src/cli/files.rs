//! Files are written whole or not at all: under a temporary name beside the final one, then renamed.

use super::failure::Failure;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Held while a file is written.
static WRITING: Mutex<()> = Mutex::new(());

/// Waits until no file is being written; none is while the result is held.
pub(super) fn between_writes() -> MutexGuard<'static, ()> {
    WRITING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Writes one file, making its directory if that is missing.
///
/// # Errors
/// [`Failure::Write`] with the path.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    replace(path, bytes).map_err(|source| Failure::Write { path: path.to_owned(), source })
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let name = path.file_name().ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "it has no file name"))?;
    if path.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a directory"));
    }
    let folder = match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        _ => Path::new("."),
    };
    fs::create_dir_all(folder)?;
    let _writing = between_writes();
    let mut draft = std::ffi::OsString::from(".");
    draft.push(name);
    draft.push(format!(".{}.tmp", std::process::id()));
    let draft: PathBuf = folder.join(draft);
    let written = fs::File::create(&draft).and_then(|mut file| {
        file.write_all(bytes)?;
        file.sync_all()
    });
    let done = written.and_then(|()| fs::rename(&draft, path));
    if done.is_err() {
        let _ = fs::remove_file(&draft);
    }
    done
}

#[cfg(test)]
mod tests {
    use super::write;

    #[test]
    fn missing_directories_are_made_and_nothing_else_is_left() {
        let root = std::env::temp_dir().join(format!("tipping-files-{}", std::process::id()));
        let path = root.join("a/b/c.txt");
        write(&path, b"one").expect("written");
        write(&path, b"two").expect("written over");
        assert_eq!(std::fs::read(&path).expect("there"), b"two");
        assert_eq!(std::fs::read_dir(root.join("a/b")).expect("there").count(), 1);
        assert!(write(&root.join("a"), b"x").is_err());
        std::fs::remove_dir_all(root).expect("removed");
    }
}
