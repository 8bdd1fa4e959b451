//! Writing tables, of which every scenario replaces its own rows only.

use crate::Error;
use std::path::Path;

/// Writes a file.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Error> {
    std::fs::write(path, text).map_err(|source| Error::File { path: path.to_owned(), source })
}

/// Writes rows into a table with this header, in place of those that begin with `key` and a comma.
pub(super) fn replace(path: &Path, header: &str, key: &str, rows: &[String]) -> Result<(), Error> {
    let old = std::fs::read_to_string(path).unwrap_or_default();
    let key = format!("{key},");
    let kept = old.lines().skip(1).filter(|line| !line.starts_with(&key)).map(str::to_owned);
    let mut lines = vec![header.to_owned()];
    lines.extend(kept);
    lines.extend(rows.iter().cloned());
    write(path, &(lines.join("\n") + "\n"))
}

/// Puts the rows of one scenario into the summary.
pub(super) fn summary(out: &Path, scenario: &str, rows: &[String]) -> Result<(), Error> {
    replace(&out.join("testbed-summary.csv"), "scenario,quantity,of,value,low,high,unit", scenario, rows)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_rows_of_the_key_are_replaced() {
        let path = std::env::temp_dir().join(format!("testbed-files-{}.csv", std::process::id()));
        replace(&path, "what,x", "a", &["a,1".to_owned(), "a,2".to_owned()]).unwrap();
        replace(&path, "what,x", "ab", &["ab,3".to_owned()]).unwrap();
        replace(&path, "what,x", "a", &["a,4".to_owned()]).unwrap();
        assert_eq!(std::fs::read_to_string(&path).unwrap(), "what,x\nab,3\na,4\n");
        std::fs::remove_file(&path).unwrap();
    }
}
