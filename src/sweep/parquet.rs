//! The finished rows of a sweep as Apache Parquet.
//!
//! Rows grow as CSV in `FILE.part`, which can be resumed row by row; when the last one is there the file is made from them in one go. So
//! its bytes are a function of the rows. The provenance is the value of the key `tipping.sweep` among the metadata; `row` is an
//! INT64, a column whose entries are all numbers is a DOUBLE, others are strings, and what is empty is null. Row groups have
//! 131,072 rows; pages are not compressed.

use super::record;
use ::parquet::basic::{LogicalType, Repetition, Type as Physical};
use ::parquet::data_type::{ByteArray, ByteArrayType, DoubleType, Int64Type};
use ::parquet::errors::ParquetError;
use ::parquet::file::metadata::KeyValue;
use ::parquet::file::properties::WriterProperties;
use ::parquet::file::reader::FileReader;
use ::parquet::file::serialized_reader::SerializedFileReader;
use ::parquet::file::writer::SerializedFileWriter;
use ::parquet::schema::types::Type;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Seek, SeekFrom, Write};
use std::path::Path;
use std::sync::Arc;

/// Key of the provenance among the metadata of a file.
pub const KEY: &str = "tipping.sweep";
/// Rows of a group.
const GROUP: usize = 131_072;

/// Why there is no file.
#[derive(Debug, thiserror::Error)]
pub enum ConvertError {
    /// The system said no.
    #[error(transparent)]
    Io(#[from] io::Error),
    /// The rows are not those of a sweep.
    #[error("the rows are not those of a sweep")]
    Foreign,
    /// The rows cannot be read.
    #[error("the rows cannot be read: {0}")]
    Rows(#[from] csv::Error),
    /// The library refused.
    #[error("the file cannot be written: {0}")]
    Parquet(#[from] ParquetError),
}

impl From<ConvertError> for io::Error {
    fn from(error: ConvertError) -> Self {
        match error {
            ConvertError::Io(error) => error,
            other => Self::other(other.to_string()),
        }
    }
}

/// Writes the rows of a finished CSV file as Parquet.
///
/// # Errors
/// [`ConvertError`] if they are no rows of a sweep or cannot be written.
pub fn convert(rows: &Path, to: impl Write + Send) -> Result<(), ConvertError> {
    let mut file = File::open(rows)?;
    let (provenance, columns, body) = head(&mut file)?;
    let numeric = numeric(&mut file, body, columns.len())?;
    let field = |i: usize| {
        let (physical, repetition, logical) = match (i, numeric[i]) {
            (0, _) => (Physical::INT64, Repetition::REQUIRED, None),
            (_, true) => (Physical::DOUBLE, Repetition::OPTIONAL, None),
            (_, false) => (Physical::BYTE_ARRAY, Repetition::OPTIONAL, Some(LogicalType::String)),
        };
        let builder = Type::primitive_type_builder(&columns[i], physical).with_repetition(repetition);
        builder.with_logical_type(logical).build().map(Arc::new)
    };
    let fields = (0..columns.len()).map(field).collect::<Result<Vec<_>, _>>()?;
    let schema = Arc::new(Type::group_type_builder("sweep").with_fields(fields).build()?);
    let properties = WriterProperties::builder()
        .set_created_by(format!("tipping {}", env!("CARGO_PKG_VERSION")))
        .set_key_value_metadata(Some(vec![KeyValue::new(KEY.to_owned(), provenance)]))
        .build();
    let mut writer = SerializedFileWriter::new(to, schema, Arc::new(properties))?;
    let mut group: Vec<csv::StringRecord> = Vec::new();
    file.seek(SeekFrom::Start(body))?;
    for row in reader(&mut file).into_records() {
        group.push(row?);
        if group.len() == GROUP {
            add(&mut writer, &numeric, &group)?;
            group.clear();
        }
    }
    if !group.is_empty() {
        add(&mut writer, &numeric, &group)?;
    }
    writer.close()?;
    Ok(())
}

/// The provenance of a Parquet file of a sweep, as text; `None` if it is not one.
#[must_use]
pub fn provenance(path: &Path) -> Option<String> {
    let reader = SerializedFileReader::new(File::open(path).ok()?).ok()?;
    let pairs = reader.metadata().file_metadata().key_value_metadata()?;
    pairs.iter().find(|pair| pair.key == KEY).and_then(|pair| pair.value.clone())
}

fn reader(file: &mut File) -> csv::Reader<BufReader<&mut File>> {
    csv::ReaderBuilder::new().has_headers(false).from_reader(BufReader::new(file))
}

/// Provenance, names of all columns, and where the rows begin.
fn head(file: &mut File) -> Result<(String, Vec<String>, u64), ConvertError> {
    let mut lines = BufReader::new(&mut *file);
    let (mut first, mut second) = (String::new(), String::new());
    lines.read_line(&mut first)?;
    lines.read_line(&mut second)?;
    let known = record::provenance(first.trim_end()).is_some_and(|(format, _)| format == record::Format::Csv);
    let names = csv::ReaderBuilder::new().has_headers(false).from_reader(second.as_bytes()).into_records().next();
    let (true, Some(names)) = (known, names) else { return Err(ConvertError::Foreign) };
    let json = first.trim_end().trim_start_matches("# ").to_owned();
    Ok((json, names?.iter().map(str::to_owned).collect(), (first.len() + second.len()) as u64))
}

/// Which columns have nothing but numbers. The last one, which says what went wrong, never has.
fn numeric(file: &mut File, body: u64, columns: usize) -> Result<Vec<bool>, ConvertError> {
    file.seek(SeekFrom::Start(body))?;
    let mut numeric = vec![true; columns];
    let mut row = csv::StringRecord::new();
    let mut rows = reader(file);
    while rows.read_record(&mut row)? {
        if row.len() != columns {
            return Err(ConvertError::Foreign);
        }
        for (is, cell) in numeric.iter_mut().zip(&row) {
            *is &= cell.is_empty() || cell.parse::<f64>().is_ok();
        }
    }
    if let Some(last) = numeric.last_mut() {
        *last = false;
    }
    Ok(numeric)
}

/// One group of rows.
fn add<W: Write + Send>(
    writer: &mut SerializedFileWriter<W>,
    numeric: &[bool],
    rows: &[csv::StringRecord],
) -> Result<(), ConvertError> {
    let mut group = writer.next_row_group()?;
    for (i, is_number) in numeric.iter().enumerate() {
        let Some(mut column) = group.next_column()? else { return Err(ConvertError::Foreign) };
        let cells = || rows.iter().map(|row| row.get(i).unwrap_or_default());
        let present: Vec<i16> = cells().map(|cell| i16::from(!cell.is_empty())).collect();
        let full = || cells().filter(|cell| !cell.is_empty());
        if i == 0 {
            let values = cells().map(|cell| cell.parse::<i64>().map_err(|_| ConvertError::Foreign));
            column.typed::<Int64Type>().write_batch(&values.collect::<Result<Vec<i64>, _>>()?, None, None)?;
        } else if *is_number {
            let values: Vec<f64> = full().filter_map(|cell| cell.parse().ok()).collect();
            column.typed::<DoubleType>().write_batch(&values, Some(&present), None)?;
        } else {
            let values: Vec<ByteArray> = full().map(ByteArray::from).collect();
            column.typed::<ByteArrayType>().write_batch(&values, Some(&present), None)?;
        }
        column.close()?;
    }
    group.close()?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use ::parquet::record::RowAccessor;

    #[test]
    fn rows_and_provenance_come_back() {
        let folder = std::env::temp_dir().join(format!("tipping-parquet-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let (rows, out) = (folder.join("rows.csv"), folder.join("rows.parquet"));
        let provenance_text = serde_json::json!({"schema": record::SCHEMA, "points": 3}).to_string();
        let text = format!(
            "# {provenance_text}\nrow,a.b_ms,verdict,error\n0,1.5,stable,\n1,,\"x, y\",\n2,2e-7,,\"no \"\"answer\"\"\"\n"
        );
        std::fs::write(&rows, text).unwrap();
        convert(&rows, File::create(&out).unwrap()).unwrap();
        assert_eq!(provenance(&out), Some(provenance_text));
        let reader = SerializedFileReader::new(File::open(&out).unwrap()).unwrap();
        let found: Vec<_> = reader.get_row_iter(None).unwrap().map(Result::unwrap).collect();
        assert_eq!(found.len(), 3);
        assert_eq!((found[0].get_long(0).unwrap(), found[0].get_double(1).unwrap()), (0, 1.5));
        assert_eq!(found[0].get_string(2).unwrap(), "stable");
        assert_eq!((found[1].get_double(1).is_err(), found[1].get_string(2).unwrap().as_str()), (true, "x, y"));
        assert_eq!(
            (found[2].get_double(1).unwrap(), found[2].get_string(3).unwrap().as_str()),
            (2e-7, "no \"answer\"")
        );
        std::fs::remove_dir_all(folder).unwrap();
    }
}
