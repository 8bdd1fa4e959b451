//! `tipping merge`: the shards of a sweep, as one file.

use super::Exit;
use super::failure::Failure;
use crate::sweep::merge::{MergeError, merge};
use crate::sweep::store::part;
use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::PathBuf;

/// Join the shards of a sweep, and prove that none is missing.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  tipping sweep my.toml --vary 'load=100..900 req/s:1000' --shard 1/2 --out a.csv
  tipping sweep my.toml --vary 'load=100..900 req/s:1000' --shard 2/2 --out b.csv
  tipping merge a.csv b.csv --out all.csv

The files may be given in any order. The result has the bytes that the sweep would have written without --shard; nothing
is written unless every row of it is there. If FILE ends in .parquet the joined rows are made into Parquet.")]
pub(super) struct Arguments {
    /// Files of all shards.
    #[arg(value_name = "FILE", required = true)]
    shards: Vec<PathBuf>,
    /// Where to write the whole.
    #[arg(long, value_name = "FILE")]
    out: PathBuf,
}

pub(super) fn run(arguments: &Arguments) -> Result<Exit, Failure> {
    let parquet = arguments.out.extension().is_some_and(|ending| ending == "parquet");
    if parquet {
        super::parquet::available()?;
    }
    let draft = part(&arguments.out);
    let cannot = |source| Failure::Write { path: arguments.out.clone(), source };
    if draft.exists() {
        return Err(Failure::usage(format!("{} is there already", draft.display()), "move it away first"));
    }
    let mut file = BufWriter::new(File::create(&draft).map_err(cannot)?);
    let done = merge(&arguments.shards, &mut file).and_then(|_| file.flush().map_err(MergeError::Write));
    match done {
        Ok(()) if parquet => {
            drop(file);
            super::parquet::replace(&draft, &arguments.out).map_err(cannot)?;
        }
        Ok(()) => fs::rename(&draft, &arguments.out).map_err(cannot)?,
        Err(error) => {
            // The draft is of no use to anyone.
            let _ = fs::remove_file(&draft);
            return Err(match error {
                MergeError::Write(source) => cannot(source),
                error => Failure::Usage { message: error.to_string(), hint: None },
            });
        }
    }
    Ok(Exit::Fine)
}
