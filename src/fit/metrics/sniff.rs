//! Which source wrote a file, from its first bytes.

use super::error::ReadErrorKind;
use std::path::Path;

/// Sources whose files are known.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// Grafana, panel inspector, raw numbers.
    GrafanaRaw,
    /// Grafana, panel inspector, formatted cells with units.
    GrafanaFormatted,
    /// Grafana, "Download for Excel".
    GrafanaExcel,
    /// Grafana, table of label columns and one value.
    GrafanaLong,
    /// Prometheus HTTP API.
    PrometheusJson,
    /// `promtool query range -o json`.
    PromtoolJson,
    /// `promtool query range` as text.
    PromtoolText,
    /// VictoriaMetrics `/api/v1/export`.
    VictoriaJson,
    /// VictoriaMetrics `/api/v1/export/csv`.
    VictoriaCsv,
    /// InfluxDB 1.x, CSV.
    Influx1,
    /// InfluxDB 2 and 3, annotated CSV.
    InfluxAnnotated,
    /// CloudWatch `GetMetricData`.
    CloudWatchData,
    /// CloudWatch `get-metric-statistics`.
    CloudWatchStatistics,
    /// Datadog `/api/v1/query`.
    Datadog,
    /// k6, `--out csv`.
    K6Csv,
    /// k6, `--out json`.
    K6Json,
    /// vegeta, `encode -to csv`.
    Vegeta,
    /// hey, `-o csv`.
    Hey,
    /// Locust, `*_stats_history.csv`.
    Locust,
    /// JMeter JTL as CSV.
    #[serde(rename = "jmeter")]
    JMeter,
    /// Any other table with a column of times.
    Table,
}

impl std::fmt::Display for Source {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::GrafanaRaw => "Grafana (raw)",
            Self::GrafanaFormatted => "Grafana (formatted)",
            Self::GrafanaExcel => "Grafana (for Excel)",
            Self::GrafanaLong => "Grafana (long table)",
            Self::PrometheusJson => "Prometheus API",
            Self::PromtoolJson => "promtool (JSON)",
            Self::PromtoolText => "promtool (text)",
            Self::VictoriaJson => "VictoriaMetrics export (JSON lines)",
            Self::VictoriaCsv => "VictoriaMetrics export (CSV)",
            Self::Influx1 => "InfluxDB 1.x (CSV)",
            Self::InfluxAnnotated => "InfluxDB 2 (annotated CSV)",
            Self::CloudWatchData => "CloudWatch GetMetricData",
            Self::CloudWatchStatistics => "CloudWatch get-metric-statistics",
            Self::Datadog => "Datadog query",
            Self::K6Csv => "k6 (CSV)",
            Self::K6Json => "k6 (JSON lines)",
            Self::Vegeta => "vegeta (CSV)",
            Self::Hey => "hey (CSV)",
            Self::Locust => "Locust (stats history)",
            Self::JMeter => "JMeter (JTL)",
            Self::Table => "table",
        })
    }
}

/// Names the source.
///
/// # Errors
/// If the bytes are not text, or a known kind that holds no time series.
pub(super) fn sniff(head: &[u8], path: &Path) -> Result<Source, ReadErrorKind> {
    binary(head, path)?;
    let text = String::from_utf8_lossy(head);
    let text = text.trim_start();
    if text.lines().next().is_some_and(|first| first.trim_end().ends_with("=>")) {
        return Ok(Source::PromtoolText);
    }
    if text.starts_with(['{', '[']) {
        return json(text);
    }
    if text.starts_with('<') {
        return Err(ReadErrorKind::Unsupported {
            what: "is XML (a JMeter JTL in XML?)".to_owned(),
            hint: "set jmeter.save.saveservice.output_format=csv and run again".to_owned(),
        });
    }
    let mut lines = text.lines();
    let first = lines.next().unwrap_or_default();
    let second = lines.next().unwrap_or_default();
    if first.starts_with("#group") || first.starts_with("#datatype") || first.starts_with("#default") {
        return Ok(Source::InfluxAnnotated);
    }
    if let Some(source) = by_header(first) {
        return Ok(source);
    }
    if first.starts_with("sep=") {
        return Ok(Source::GrafanaExcel);
    }
    no_series(text)?;
    if text.lines().take(5).any(|line| line.contains(" @[")) {
        return Ok(Source::PromtoolText);
    }
    if vegeta(first) {
        return Ok(Source::Vegeta);
    }
    Ok(grafana(first, second).unwrap_or(Source::Table))
}

fn binary(head: &[u8], path: &Path) -> Result<(), ReadErrorKind> {
    let known = [
        (b"PK\x03\x04".as_slice(), "is a zip archive or an Excel workbook", "save the sheet as CSV"),
        (b"PAR1".as_slice(), "is a Parquet file", "export it as CSV"),
        (b"\x28\xb5\x2f\xfd".as_slice(), "is compressed with zstd", "decompress it first: zstd -d"),
        (b"BZh".as_slice(), "is compressed with bzip2", "decompress it first: bunzip2"),
        (b"\xfd7zXZ".as_slice(), "is compressed with xz", "decompress it first: unxz"),
    ];
    for (magic, what, hint) in known {
        if head.starts_with(magic) {
            return Err(ReadErrorKind::Unsupported { what: what.to_owned(), hint: hint.to_owned() });
        }
    }
    let control = |b: &u8| *b == 0 || (*b < 0x20 && !matches!(*b, b'\t' | b'\n' | b'\r' | 0x0c));
    let sample = &head[..head.len().min(8192)];
    if sample.iter().any(control) {
        let gatling = path.file_name().is_some_and(|name| name == "simulation.log");
        return Err(if gatling {
            ReadErrorKind::Unsupported {
                what: "is a Gatling log of 3.13 or later, whose binary layout is not documented".to_owned(),
                hint: "export the statistics from Gatling Enterprise, or measure with a Prometheus scrape".to_owned(),
            }
        } else {
            ReadErrorKind::Binary
        });
    }
    Ok(())
}

fn json(text: &str) -> Result<Source, ReadErrorKind> {
    // The first kilobytes are enough to tell the kinds apart: their keys come early.
    let has = |key: &str| text.contains(&format!("\"{key}\""));
    if has("resultType") || (has("status") && has("errorType")) {
        return Ok(Source::PrometheusJson);
    }
    if has("MetricDataResults") {
        return Ok(Source::CloudWatchData);
    }
    if has("Datapoints") {
        return Ok(Source::CloudWatchStatistics);
    }
    if has("pointlist") || has("res_type") {
        return Ok(Source::Datadog);
    }
    if has("type") && has("metric") && has("data") {
        return Ok(Source::K6Json);
    }
    if has("metric") && has("values") && has("timestamps") {
        return Ok(Source::VictoriaJson);
    }
    if text.starts_with('[') && has("metric") && has("values") {
        return Ok(Source::PromtoolJson);
    }
    if has("latencyPercentiles") || has("RequestedQPS") || (has("latencies") && has("throughput")) {
        return Err(ReadErrorKind::Unsupported {
            what: "is the summary of a load test (oha, fortio or vegeta report), without a time axis".to_owned(),
            hint: "write the single requests instead: vegeta encode -to csv, hey -o csv, k6 --out csv".to_owned(),
        });
    }
    if has("metric") && has("values") {
        return Ok(Source::VictoriaJson);
    }
    if text.starts_with("[]") {
        return Ok(Source::PromtoolJson);
    }
    Err(ReadErrorKind::UnknownJson)
}

fn by_header(first: &str) -> Option<Source> {
    let plain = first.replace('"', "");
    [
        ("metric_name,timestamp,metric_value", Source::K6Csv),
        ("response-time,DNS+dialup", Source::Hey),
        ("Timestamp,User Count,Type,Name", Source::Locust),
        ("name,tags,time", Source::Influx1),
    ]
    .into_iter()
    .find(|(start, _)| plain.starts_with(start))
    .map(|(_, source)| source)
    .or_else(|| {
        let jmeter = ["timeStamp", "elapsed"].iter().all(|c| plain.split([',', ';', '\t']).any(|f| f == *c));
        jmeter.then_some(Source::JMeter)
    })
}

/// Text reports without a time axis.
fn no_series(text: &str) -> Result<(), ReadErrorKind> {
    let wrk = text.starts_with("Running ") && text.contains(" threads and ");
    if wrk || (text.contains("Latency") && text.contains("Requests/sec:")) {
        return Err(ReadErrorKind::Unsupported {
            what: "is the summary of a load test (wrk or hey), without a time axis".to_owned(),
            hint: "write the single requests instead: hey -o csv, vegeta encode -to csv, k6 --out csv".to_owned(),
        });
    }
    Ok(())
}

/// Twelve columns, the first a time in nanoseconds, the second a status.
fn vegeta(first: &str) -> bool {
    let cells: Vec<&str> = first.split(',').collect();
    let digits = |text: &str, count: std::ops::RangeInclusive<usize>| {
        count.contains(&text.len()) && text.bytes().all(|b| b.is_ascii_digit())
    };
    cells.len() >= 11 && digits(cells[0], 19..=19) && digits(cells[1], 1..=3) && digits(cells[2], 1..=13)
}

fn grafana(first: &str, second: &str) -> Option<Source> {
    let tab = first.split('\t').next().is_some_and(|cell| cell.trim_matches('"') == "Time");
    if tab && first.contains('\t') {
        return Some(Source::GrafanaExcel);
    }
    let cell = first.split([',', ';']).next()?;
    if cell != "\"Time\"" && cell != "Time" {
        return None;
    }
    let digits =
        second.split([',', ';']).next().is_some_and(|t| t.len() >= 10 && t.bytes().all(|b| b.is_ascii_digit()));
    let texts =
        second.split(',').skip(1).any(|c| c.bytes().next().is_some_and(|b| b.is_ascii_alphabetic()) && c != "NaN");
    Some(match (digits, texts) {
        (true, true) => Source::GrafanaLong,
        (true, false) => Source::GrafanaRaw,
        _ => Source::GrafanaFormatted,
    })
}

#[cfg(test)]
mod tests {
    use super::{Source, sniff};
    use std::path::Path;

    fn source(text: &str) -> Source {
        sniff(text.as_bytes(), Path::new("x")).expect(text)
    }

    #[test]
    fn first_lines() {
        assert_eq!(source("\"Time\",\"a\"\r\n1714557600000,1"), Source::GrafanaRaw);
        assert_eq!(source("\"Time\",\"a\"\r\n2024-05-01 06:00:00,1 ms"), Source::GrafanaFormatted);
        assert_eq!(source("\"Time\",\"job\",\"Value\"\r\n1714557600000,checkout,1"), Source::GrafanaLong);
        assert_eq!(source("sep=,\r\n\"Time\",\"a\"\r\n"), Source::GrafanaExcel);
        assert_eq!(source("Time\ta\r\n"), Source::GrafanaExcel);
        assert_eq!(source("{\"status\":\"success\",\"data\":{\"resultType\":\"matrix\""), Source::PrometheusJson);
        assert_eq!(source("[{\"metric\":{},\"values\":[[1,\"1\"]]}]"), Source::PromtoolJson);
        assert_eq!(source("{code=\"200\"} =>\n1.828 @[1795237473]"), Source::PromtoolText);
        assert_eq!(source("{\"metric\":{},\"values\":[1],\"timestamps\":[1]}"), Source::VictoriaJson);
        assert_eq!(source("time,a\n1,2"), Source::Table);
        assert!(sniff(b"\0\x01\x02", Path::new("x")).is_err());
        assert!(sniff(b"PK\x03\x04", Path::new("x.xlsx")).is_err());
    }
}
