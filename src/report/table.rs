//! Named columns of numbers, and how they become CSV.

/// A column of numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// What it is, such as `api.inside`.
    pub name: String,
    /// Unit of its values; empty for a plain number.
    pub unit: String,
}

impl Column {
    /// The head of the column: the name, then the unit in letters: `time_s`, `goodput_req_per_s`, `api.variance_req2`.
    #[must_use]
    pub fn head(&self) -> String {
        let unit: String = self
            .unit
            .replace('/', "_per_")
            .replace('%', "percent")
            .chars()
            .map(|c| if c.is_whitespace() { '_' } else { c })
            .filter(|c| c.is_alphanumeric() || *c == '_')
            .collect();
        if unit.is_empty() { self.name.clone() } else { format!("{}_{unit}", self.name) }
    }
}

/// A number so that reading it back gives the same number; empty if it is not finite.
#[must_use]
pub fn cell(value: f64) -> String {
    if !value.is_finite() {
        String::new()
    } else if value == 0.0 || (1e-5..1e16).contains(&value.abs()) {
        format!("{value}")
    } else {
        format!("{value:e}")
    }
}

/// Rows of cells as CSV (RFC 4180, with line feeds).
#[must_use]
pub fn csv(head: &[String], rows: &[Vec<String>]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing into memory cannot fail, and all rows are as long as the head.
    let _ = writer.write_record(head);
    for row in rows {
        let _ = writer.write_record(row);
    }
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn heads_hold_the_unit_in_letters() {
        let head = |name: &str, unit: &str| Column { name: name.to_owned(), unit: unit.to_owned() }.head();
        assert_eq!(head("time", "s"), "time_s");
        assert_eq!(head("goodput", "req/s"), "goodput_req_per_s");
        assert_eq!(head("api.variance", "req^2"), "api.variance_req2");
        assert_eq!(head("yield", ""), "yield");
    }

    #[test]
    fn numbers_can_be_read_back() {
        for value in [0.1, -3.0, 1e-300, 123_456.789, 1e22] {
            assert_eq!(cell(value).parse::<f64>(), Ok(value));
        }
        assert_eq!(cell(f64::NAN), "");
    }
}
