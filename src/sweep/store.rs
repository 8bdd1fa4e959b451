//! The file of a sweep while it grows: rows are added in blocks and forced to the disk, so that what stands there survives the
//! process. Until it is complete the file has another name, `FILE.part`.
//!
//! Resuming needs nothing beside the rows: the head says what they are of, whole lines say how many there are, and a line that
//! was cut off is cut away.

use std::fs::{self, File, OpenOptions};
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

/// Why a file cannot be begun or resumed.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The system said no.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// There is an unfinished file already.
    #[error("{} is there already", .0.display())]
    Unfinished(PathBuf),
    /// The unfinished file is of another sweep.
    #[error("{} is of another sweep, or of another version of this one", .0.display())]
    Foreign(PathBuf),
}

/// A file under way.
#[derive(Debug)]
pub struct Store {
    path: PathBuf,
    part: PathBuf,
    file: File,
    /// Rows that were there already.
    pub rows: u64,
}

/// The name of an unfinished file.
#[must_use]
pub fn part(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".part");
    PathBuf::from(name)
}

/// Whether a file with this head is there already, complete: only a complete one has this name.
///
/// # Errors
/// What the system says.
pub fn is_complete(path: &Path, head: &str) -> io::Result<bool> {
    if part(path).exists() || !path.exists() {
        return Ok(false);
    }
    let mut found = vec![0; head.len()];
    let read = File::open(path).and_then(|mut file| file.read_exact(&mut found));
    match read {
        Ok(()) => Ok(found == head.as_bytes()),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}

impl Store {
    /// Begins a file with this head, or takes up one that was left unfinished, if that is wanted.
    ///
    /// # Errors
    /// [`StoreError`] if there is an unfinished file but it is not to be resumed, or one of another sweep.
    pub fn open(path: &Path, head: &str, resume: bool) -> Result<Self, StoreError> {
        let part = part(path);
        if part.exists() && !resume {
            return Err(StoreError::Unfinished(part));
        }
        if let Some(folder) = path.parent().filter(|f| !f.as_os_str().is_empty()) {
            fs::create_dir_all(folder)?;
        }
        let mut file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&part)?;
        let (rows, bytes) = whole_rows(&file, head)?.ok_or_else(|| StoreError::Foreign(part.clone()))?;
        file.set_len(bytes)?;
        file.seek(SeekFrom::End(0))?;
        if bytes == 0 {
            file.write_all(head.as_bytes())?;
            file.sync_data()?;
        }
        Ok(Self { path: path.to_owned(), part, file, rows })
    }

    /// Adds rows and waits until they are on the disk.
    ///
    /// # Errors
    /// What the system says.
    pub fn append(&mut self, rows: &str) -> io::Result<()> {
        self.file.write_all(rows.as_bytes())?;
        self.file.sync_data()
    }

    /// Makes the complete file from the rows and takes these away.
    ///
    /// # Errors
    /// What `convert` or the system says; the rows are then still there.
    pub fn finish_as(self, convert: impl FnOnce(&Path, &mut File) -> io::Result<()>) -> io::Result<()> {
        self.file.sync_all()?;
        let mut draft = self.part.as_os_str().to_owned();
        draft.push(".tmp");
        let draft = PathBuf::from(draft);
        let mut file = File::create(&draft)?;
        let made = convert(&self.part, &mut file).and_then(|()| file.sync_all());
        if let Err(error) = made.and_then(|()| fs::rename(&draft, &self.path)) {
            let _ = fs::remove_file(&draft);
            return Err(error);
        }
        fs::remove_file(self.part)
    }

    /// Gives the complete file its name.
    ///
    /// # Errors
    /// What the system says.
    pub fn finish(self) -> io::Result<()> {
        self.file.sync_all()?;
        fs::rename(self.part, self.path)
    }
}

/// Whole rows below the head, and the bytes up to the end of the last of them (none of either if the file ends within the
/// head); `None` if the file begins otherwise.
fn whole_rows(file: &File, head: &str) -> io::Result<Option<(u64, u64)>> {
    let mut reader = BufReader::new(file);
    let mut found = Vec::new();
    let lines = head.lines().count();
    for _ in 0..lines {
        reader.read_until(b'\n', &mut found)?;
    }
    if found.len() < head.len() {
        return Ok(head.as_bytes().starts_with(&found).then_some((0, 0)));
    }
    if found != head.as_bytes() {
        return Ok(None);
    }
    let (mut rows, mut bytes) = (0, found.len() as u64);
    let mut line = Vec::new();
    loop {
        line.clear();
        reader.read_until(b'\n', &mut line)?;
        if line.last() != Some(&b'\n') {
            return Ok(Some((rows, bytes)));
        }
        rows += 1;
        bytes += line.len() as u64;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Wherever a file was cut off, it is taken up behind the last whole row.
    #[test]
    fn a_file_cut_anywhere_is_taken_up_behind_its_last_whole_row() {
        let root = std::env::temp_dir().join(format!("tipping-store-{}", std::process::id()));
        let path = root.join("rows.csv");
        let (head, rows) = ("# {\"a\":1}\nrow,x\n", ["0,1.5\n", "1,2.5\n", "2,\"a, b\"\n"]);
        let whole = format!("{head}{}", rows.concat());
        fs::create_dir_all(&root).unwrap();
        for cut in 0..=whole.len() {
            fs::write(part(&path), &whole[..cut]).unwrap();
            let mut store = Store::open(&path, head, true).unwrap();
            let expected = whole[..cut].matches('\n').count().saturating_sub(2);
            assert_eq!(store.rows as usize, expected, "{cut}");
            store.append(&rows[expected..].concat()).unwrap();
            store.finish().unwrap();
            assert_eq!(fs::read_to_string(&path).unwrap(), whole, "{cut}");
            assert!(is_complete(&path, head).unwrap() && !is_complete(&path, "# {}\n").unwrap());
        }
        fs::write(part(&path), "# {\"a\":2}\nrow,x\n").unwrap();
        assert!(matches!(Store::open(&path, head, true), Err(StoreError::Foreign(_))));
        assert!(matches!(Store::open(&path, head, false), Err(StoreError::Unfinished(_))));
        fs::remove_dir_all(root).unwrap();
    }
}
