//! Metric files of every known source, with the traps of each, read to the values they mean.
//!
//! The files are written here, after the formats as their makers document them: Grafana's CSV export, the HTTP API of
//! Prometheus, `promtool`, VictoriaMetrics' export, InfluxDB's CSV, CloudWatch and Datadog JSON, and the logs of k6, vegeta,
//! hey, Locust and JMeter.

use std::io::Write as _;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use tipping::fit::metrics::stamp::SECOND;
use tipping::fit::metrics::{
    Axis, Collector, Encoding, FileFacts, Kind, NoteKind, Options, ReadError, ReadErrorKind, Source, Unit, ZoneName,
    read,
};

/// 2024-05-01 10:00:00 UTC.
const TEN: i64 = 1_714_557_600;

fn file(bytes: &[u8]) -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let name = format!("tipping-metrics-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
    let path = std::env::temp_dir().join(name);
    std::fs::write(&path, bytes).expect("written");
    path
}

fn try_read(bytes: &[u8], options: &Options) -> (Collector, Result<FileFacts, ReadError>) {
    let path = file(bytes);
    let mut sink = Collector::default();
    let facts = read(&path, options, &mut sink);
    std::fs::remove_file(&path).expect("removed");
    (sink, facts)
}

fn reading(bytes: &[u8]) -> (Collector, FileFacts) {
    let (sink, facts) = try_read(bytes, &Options::default());
    (sink, facts.unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(bytes))))
}

fn utf16(text: &str) -> Vec<u8> {
    format!("\u{feff}{text}").encode_utf16().flat_map(u16::to_le_bytes).collect()
}

fn gzip(text: &str) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    encoder.write_all(text.as_bytes()).expect("compressed");
    encoder.finish().expect("compressed")
}

/// Title, unit and readings of a series.
type Expected = (&'static str, Option<Unit>, Vec<(i64, f64)>);

/// One file: its bytes, who wrote it, how times are written, and the series with their readings (seconds after 10:00 UTC).
struct Row {
    what: &'static str,
    bytes: Vec<u8>,
    options: Options,
    source: Source,
    axis: Axis,
    series: Vec<Expected>,
}

const NONE: f64 = f64::NAN;

fn row(what: &'static str, bytes: impl Into<Vec<u8>>, source: Source, axis: Axis, series: Vec<Expected>) -> Row {
    Row { what, bytes: bytes.into(), options: Options::default(), source, axis, series }
}

fn zoned(mut row: Row, zone: &str) -> Row {
    row.options.zone = ZoneName::find(zone);
    row.axis = Axis::Local(ZoneName::find(zone));
    row
}

fn tables() -> Vec<Row> {
    let rate = || Some(Unit::PerSecond);
    let formatted = "\"Time\",\"pay\",\"p99\",\"mem\",\"n\"\r\n2024-05-01 06:00:00,951 req/s,12.4 ms,1 KiB,950\r\n\
                     2024-05-01 06:00:15,1.23K req/s,NaN,1.5 GiB,1.23 K\r\n2024-05-01 06:00:30,∞undefined req/s,1.25 mins,,1.23 Mil";
    let values = || {
        vec![
            ("pay", rate(), vec![(0, 951.0), (15, 1230.0), (30, NONE)]),
            ("p99", Some(Unit::Seconds), vec![(0, 0.0124), (15, NONE), (30, 75.0)]),
            ("mem", Some(Unit::Bytes), vec![(0, 1024.0), (15, 1_610_612_736.0), (30, NONE)]),
            ("n", Some(Unit::Plain), vec![(0, 950.0), (15, 1230.0), (30, 1_230_000.0)]),
        ]
    };
    vec![
        row(
            "Grafana raw: CRLF, quoted names with commas and quotes, no final line end, NaN, Infinity, empty",
            "\"Time\",\"pay\",\"cart, eu \"\"west\"\"\"\r\n1714557600000,950.5,80\r\n1714557615000,,NaN\r\n1714557630000,1e-7,Infinity",
            Source::GrafanaRaw,
            Axis::EpochMillis,
            vec![
                ("pay", None, vec![(0, 950.5), (15, NONE), (30, 1e-7)]),
                ("cart, eu \"west\"", None, vec![(0, 80.0), (15, NONE), (30, NONE)]),
            ],
        ),
        zoned(
            row("Grafana formatted: units in cells", formatted, Source::GrafanaFormatted, Axis::Unknown, values()),
            "America/New_York",
        ),
        zoned(
            row(
                "Grafana for Excel, old: BOM and sep=",
                format!("\u{feff}sep=,\r\n{formatted}"),
                Source::GrafanaExcel,
                Axis::Unknown,
                values(),
            ),
            "America/New_York",
        ),
        zoned(
            row(
                "Grafana for Excel, new: UTF-16 and tabs",
                utf16(&formatted.replace(',', "\t")),
                Source::GrafanaExcel,
                Axis::Unknown,
                values(),
            ),
            "America/New_York",
        ),
        row(
            "Grafana, several frames under one another",
            "\"Time\",\"a\"\r\n1714557600000,1\r\n1714557615000,2\r\n\"Time\",\"b\",\"c\"\r\n1714557600000,3,4\r\n",
            Source::GrafanaRaw,
            Axis::EpochMillis,
            vec![("a", None, vec![(0, 1.0), (15, 2.0)]), ("b", None, vec![(0, 3.0)]), ("c", None, vec![(0, 4.0)])],
        ),
        row(
            "Grafana 6: semicolons, a semicolon at the end, newest first",
            "Time;polled;\n1714557630000;3;\n1714557615000;2;\n1714557600000;1;\n",
            Source::GrafanaRaw,
            Axis::EpochMillis,
            vec![("polled", None, vec![(30, 3.0), (15, 2.0), (0, 1.0)])],
        ),
        row(
            "Grafana long table",
            "\u{feff}\"Time\",\"job\",\"Value\"\r\n1714557600000,pay,1.5\r\n1714557600000,cart,2\r\n1714557615000,pay,3\r\n",
            Source::GrafanaLong,
            Axis::EpochMillis,
            vec![
                ("Value{job=\"pay\"}", None, vec![(0, 1.5), (15, 3.0)]),
                ("Value{job=\"cart\"}", None, vec![(0, 2.0)]),
            ],
        ),
        row(
            "InfluxDB 1: nanoseconds, escaped tags",
            "name,tags,time,job,p99,rps\nhttp,,1714557600000000000,\"cart\\,\\ eu\",0.5,80\nhttp,,1714557600000000000,pay,,950.5\n",
            Source::Influx1,
            Axis::EpochNanos,
            vec![
                ("p99{job=\"cart, eu\", name=\"http\"}", None, vec![(0, 0.5)]),
                ("rps{job=\"cart, eu\", name=\"http\"}", None, vec![(0, 80.0)]),
                ("p99{job=\"pay\", name=\"http\"}", None, vec![(0, NONE)]),
                ("rps{job=\"pay\", name=\"http\"}", None, vec![(0, 950.5)]),
            ],
        ),
        row(
            "InfluxDB 2: annotations, defaults, a second table with new ones",
            "#group,false,false,true,true,false,false,true,true\r\n\
             #datatype,string,long,dateTime:RFC3339,dateTime:RFC3339,dateTime:RFC3339,double,string,string\r\n\
             #default,_result,,,,,,,\r\n,result,table,_start,_stop,_time,_value,_field,job\r\n\
             ,,0,2024-05-01T09:00:00Z,2024-05-01T11:00:00Z,2024-05-01T10:00:00Z,1.5,rps,pay\r\n\
             ,,0,2024-05-01T09:00:00Z,2024-05-01T11:00:00Z,2024-05-01T10:00:15Z,,rps,pay\r\n\r\n\
             #group,false,false,false,false,true\r\n#datatype,string,long,dateTime:RFC3339,long,string\r\n#default,_result,,,7,\r\n\
             ,result,table,_time,_value,_field\r\n,,1,2024-05-01T10:00:00Z,,queue\r\n",
            Source::InfluxAnnotated,
            Axis::Absolute,
            vec![("rps{job=\"pay\"}", None, vec![(0, 1.5), (15, NONE)]), ("queue", None, vec![(0, 7.0)])],
        ),
        row(
            "VictoriaMetrics CSV: no header, series one after the other, time last",
            "\"cart, eu\",80,2024-05-01T10:00:00Z\n\"cart, eu\",0.0000001,2024-05-01T10:00:15Z\npay,950.5,2024-05-01T10:00:00Z\n",
            Source::Table,
            Axis::Absolute,
            vec![("cart, eu", None, vec![(0, 80.0), (15, 1e-7)]), ("pay", None, vec![(0, 950.5)])],
        ),
        row(
            "a plain table in gzip",
            gzip("timestamp,rps\n1714557600,1\n1714557601,2\n"),
            Source::Table,
            Axis::EpochSeconds,
            vec![("rps", None, vec![(0, 1.0), (1, 2.0)])],
        ),
        row(
            "semicolons and decimal commas",
            "time;load;p99 (ms)\n1714557600;1,5;12,4\n1714557601;1.234,5;8\n",
            Source::Table,
            Axis::EpochSeconds,
            vec![
                ("load", None, vec![(0, 1.5), (1, 1234.5)]),
                ("p99 (ms)", Some(Unit::Seconds), vec![(0, 0.0124), (1, 0.008)]),
            ],
        ),
        row(
            "signs of missing values",
            "time,a\n1714557600,null\n1714557601,N/A\n1714557602,-\n1714557603,undefined\n1714557604,No data\n1714557605,+Inf\n1714557606,0\n",
            Source::Table,
            Axis::EpochSeconds,
            vec![("a", None, vec![(0, NONE), (1, NONE), (2, NONE), (3, NONE), (4, NONE), (5, NONE), (6, 0.0)])],
        ),
        row(
            "lines before the table, header rows joined, dates with slashes",
            "CloudWatch export\nregion,eu-central-1\nLabel,Requests,Latency\nUnit,Count,Seconds\n05/01/2024 10:00,57030,0.25\n05/01/2024 10:01,56820,0.5\n05/13/2024 10:00,1,1\n",
            Source::Table,
            Axis::Local(None),
            vec![
                ("Requests Count", None, vec![(0, 57030.0), (60, 56820.0), (12 * 86_400, 1.0)]),
                ("Latency Seconds", None, vec![(0, 0.25), (60, 0.5), (12 * 86_400, 1.0)]),
            ],
        ),
    ]
}

fn documents() -> Vec<Row> {
    vec![
        row(
            "Prometheus API: values are texts",
            r#"{"status":"success","data":{"resultType":"matrix","result":[{"metric":{"__name__":"up","job":"a"},"values":[[1714557600,"0.4"],[1714557605.5,"NaN"],[1714557610,"+Inf"]]}]}}"#,
            Source::PrometheusJson,
            Axis::EpochSeconds,
            vec![("up{job=\"a\"}", None, vec![(0, 0.4), (5, NONE), (10, NONE)])],
        ),
        row(
            "promtool -o json: the bare array",
            r#"[{"metric":{"code":"200"},"values":[[1714557600,"1"],[1714557610,"2"]]}]"#,
            Source::PromtoolJson,
            Axis::EpochSeconds,
            vec![("value{code=\"200\"}", None, vec![(0, 1.0), (10, 2.0)])],
        ),
        row(
            "promtool as text",
            "{code=\"200\"} =>\n1.828 @[1714557600]\nNaN @[1714557610]\n\nup{job=\"a\"} =>\n1 @[1714557600]\n",
            Source::PromtoolText,
            Axis::EpochSeconds,
            vec![("value{code=\"200\"}", None, vec![(0, 1.828), (10, NONE)]), ("up{job=\"a\"}", None, vec![(0, 1.0)])],
        ),
        row(
            "VictoriaMetrics JSON lines",
            "{\"metric\":{\"__name__\":\"up\"},\"values\":[1,null],\"timestamps\":[1714557600000,1714557615000]}\n",
            Source::VictoriaJson,
            Axis::EpochMillis,
            vec![("up", None, vec![(0, 1.0), (15, NONE)])],
        ),
        row(
            "CloudWatch GetMetricData: newest first",
            r#"{"MetricDataResults":[{"Id":"m1","Label":"TargetResponseTime","Timestamps":["2024-05-01T10:01:00+00:00","2024-05-01T10:00:00+00:00"],"Values":[0.5,0.25],"StatusCode":"Complete"}]}"#,
            Source::CloudWatchData,
            Axis::Absolute,
            vec![("TargetResponseTime", Some(Unit::Seconds), vec![(60, 0.5), (0, 0.25)])],
        ),
        row(
            "CloudWatch get-metric-statistics: in no order",
            r#"{"Label":"Latency","Datapoints":[{"Timestamp":"2024-05-01T10:01:00Z","Average":500.0,"Unit":"Milliseconds"},{"Timestamp":"2024-05-01T10:00:00Z","Average":250.0,"Unit":"Milliseconds"}]}"#,
            Source::CloudWatchStatistics,
            Axis::Absolute,
            vec![("Latency Average", Some(Unit::Seconds), vec![(0, 0.25), (60, 0.5)])],
        ),
        row(
            "Datadog: milliseconds, null",
            r#"{"status":"ok","res_type":"time_series","series":[{"metric":"latency","unit":[{"short_name":"ms"},null],"interval":20,"tag_set":["job:pay"],"pointlist":[[1714557600000.0,12.4],[1714557620000.0,null]]}]}"#,
            Source::Datadog,
            Axis::EpochMillis,
            vec![("latency{job=\"pay\"}", Some(Unit::Seconds), vec![(0, 0.0124), (20, NONE)])],
        ),
    ]
}

#[test]
fn every_source_is_read_to_the_values_it_means() {
    for row in tables().into_iter().chain(documents()) {
        let (sink, facts) = try_read(&row.bytes, &row.options);
        let facts = facts.unwrap_or_else(|error| panic!("{}: {error}", row.what));
        assert_eq!(facts.source, row.source, "{}", row.what);
        assert_eq!(facts.axis, row.axis, "{}", row.what);
        let titles: Vec<String> = sink.traces.iter().map(|t| t.about.title()).collect();
        let expected: Vec<String> = row.series.iter().map(|(title, ..)| (*title).to_owned()).collect();
        assert_eq!(titles, expected, "{}", row.what);
        for (trace, (title, unit, readings)) in sink.traces.iter().zip(&row.series) {
            assert_eq!(trace.about.unit, *unit, "{}: {title}", row.what);
            let times: Vec<i64> = trace.times.iter().map(|t| (t - TEN * SECOND).div_euclid(SECOND)).collect();
            assert_eq!(times, readings.iter().map(|r| r.0).collect::<Vec<_>>(), "{}: {title}", row.what);
            for (value, (at, expected)) in trace.values.iter().zip(readings) {
                let same = value.to_bits() == expected.to_bits() || (value.is_nan() && expected.is_nan());
                assert!(same, "{}: {title} at {at}: {value} for {expected}", row.what);
            }
        }
    }
}

#[test]
fn encodings_are_told() {
    assert_eq!(reading(&utf16("Time\ta\r\n1714557600000\t1\r\n")).1.encoding, Encoding::Utf16Le);
    assert_eq!(reading("\u{feff}time,a\n1714557600,1\n".as_bytes()).1.encoding, Encoding::Utf8Bom);
    assert!(reading(&gzip("time,a\n1714557600,1\n")).1.gzip);
}

/// On 2024-10-27 the hour from 02:00 to 03:00 was there twice in Berlin.
#[test]
fn the_doubled_hour_needs_a_zone() {
    let text = "\"Time\",\"t\"\r\n2024-10-27 02:00:00,13.6 °C\r\n2024-10-27 02:30:00,13.5 °C\r\n2024-10-27 02:00:00,13.4 °C\r\n\
                2024-10-27 02:30:00,13.3 °C\r\n2024-10-27 03:00:00,13.2 °C\r\n";
    let (sink, facts) = reading(text.as_bytes());
    assert_eq!(facts.axis, Axis::Local(None));
    assert!(sink.notes.iter().any(|n| n.kind == NoteKind::Doubt && n.text.contains("--tz")), "{:?}", sink.notes);
    let options = Options { zone: ZoneName::find("Europe/Berlin"), ..Options::default() };
    let (sink, _) = try_read(text.as_bytes(), &options);
    let steps: Vec<i64> = sink.traces[0].times.windows(2).map(|w| (w[1] - w[0]) / SECOND).collect();
    assert_eq!(steps, [1800; 4]);
}

/// Requests of 0.25 s each, four a second: what every load generator's log of them comes to.
#[test]
fn logs_of_requests_become_rates() {
    let mut k6 = "metric_name,timestamp,metric_value,check,error,error_code,group,method,name,proto,scenario,status,subproto,tls_version,url,extra_tags\n".to_owned();
    let mut vegeta = String::new();
    let mut hey =
        "response-time,DNS+dialup,DNS,Request-write,Response-delay,Response-read,status-code,offset\n".to_owned();
    let mut jmeter = "timeStamp,elapsed,label,responseCode,responseMessage,threadName,dataType,success\n".to_owned();
    let mut lines = String::new();
    for k in 0..40_i64 {
        let start = TEN * 1000 + 250 * k;
        let status = if k % 4 == 3 { 503 } else { 200 };
        k6 += &format!(
            "http_req_duration,{},250.0,,,,,GET,x,HTTP/1.1,default,{status},,,x,\n",
            TEN + (250 * k + 250) / 1000
        );
        k6 += &format!("http_reqs,{},1,,,,,GET,x,HTTP/1.1,default,{status},,,x,\n", TEN + k / 4);
        vegeta += &format!("{start}000000,{status},250000000,0,2,,e30=,a,{k},GET,http://x,\n");
        hey += &format!("0.25,0,0,0,0,0,{status},{}\n", 0.25 * k as f64);
        jmeter += &format!("{start},250,GET /,{status},OK,t 1-1,text,{}\n", status == 200);
        let at = format!("2024-05-01T10:00:{:02}.{:03}Z", (250 * k + 250) / 1000, (250 * k + 250) % 1000);
        lines += &format!(
            "{{\"type\":\"Point\",\"metric\":\"http_req_duration\",\"data\":{{\"time\":\"{at}\",\"value\":250,\"tags\":{{\"status\":\"{status}\"}}}}}}\n"
        );
    }
    let open = Some(false);
    for (source, text, closed) in [
        (Source::K6Csv, k6, Some(true)),
        (Source::K6Json, lines, None),
        (Source::Vegeta, vegeta, open),
        (Source::Hey, hey, Some(true)),
        (Source::JMeter, jmeter, Some(true)),
    ] {
        let (sink, facts) = reading(text.as_bytes());
        assert_eq!((facts.source, facts.closed_loop), (source, closed));
        let middle = |name: &str| {
            let trace = sink.traces.iter().find(|t| t.about.name == name).expect(name);
            let inner = &trace.values[1..trace.values.len() - 1];
            inner.iter().sum::<f64>() / inner.len() as f64
        };
        // k6 writes whole seconds of the end of a request: what is inside is only roughly known.
        let (rate, inside) = if source == Source::K6Csv { (1.0, 0.5) } else { (1e-9, 1e-6) };
        assert!((middle("begun") - 4.0).abs() < rate, "{source:?}: {}", middle("begun"));
        assert!((middle("served") - 3.0).abs() < rate, "{source:?}: {}", middle("served"));
        assert!((middle("failed") - 1.0).abs() < rate, "{source:?}: {}", middle("failed"));
        assert!((middle("inflight") - 1.0).abs() < inside, "{source:?}: {}", middle("inflight"));
        assert!((middle("latency_mean") - 0.25).abs() < 1e-9, "{source:?}");
    }
}

#[test]
fn locust_is_closed_and_its_endpoints_are_not_added_twice() {
    let text = "Timestamp,User Count,Type,Name,Requests/s,Failures/s,50%,99%,Total Request Count\r\n\
                1714557600,0,,Aggregated,0.000000,0.000000,N/A,N/A,0\r\n1714557601,4,GET,/,3.0,0.5,20,90,3\r\n\
                1714557601,4,,Aggregated,3.0,0.5,20,90,3\r\n1714557602,4,,Aggregated,0.0,0.0,0,0,3\r\n";
    let (sink, facts) = reading(text.as_bytes());
    assert_eq!((facts.source, facts.closed_loop), (Source::Locust, Some(true)));
    let series = |name: &str| sink.traces.iter().find(|t| t.about.name == name).expect(name);
    assert_eq!(series("Requests/s").values, [0.0, 3.0, 0.0]);
    assert_eq!(series("50%").values[1], 0.02);
    assert!(series("50%").values[0].is_nan() && series("50%").values[2].is_nan(), "a quantile of nothing is missing");
    assert_eq!(series("Total Request Count").about.kind, Kind::Counter);
}

/// What k6 writes about its executors, and what somebody who knows says.
#[test]
fn open_and_closed_loops_are_told_apart() {
    let head = "metric_name,timestamp,metric_value,check,error,error_code,group,method,name,proto,scenario,status\n";
    // Four requests a second of a quarter of a second each: one inside.
    let log = |scenario: &str, users: Option<u32>, dropped: bool| {
        let mut text = head.to_owned();
        for k in 0..80 {
            text += &format!("http_req_duration,{},250.0,,,,,GET,x,HTTP/1.1,{scenario},200\n", TEN + k / 4);
            if let Some(users) = users.filter(|_| k % 4 == 0) {
                text += &format!("vus,{},{users},,,,,,,,,\n", TEN + k / 4);
            }
        }
        if dropped {
            text += &format!("dropped_iterations,{},3,,,,,,,,{scenario},\n", TEN + 5);
        }
        text
    };
    let rows = [
        ("a script without scenarios", log("default", None, false), Some(true), "`default`"),
        ("iterations that could not start", log("spike", Some(1), true), Some(false), "iterations were dropped"),
        ("users who are always busy", log("steady", Some(1), false), Some(true), "of its 1 users wait"),
        ("users to spare", log("steady", Some(20), false), None, ""),
        ("no users at all", log("steady", None, false), None, ""),
    ];
    for (what, text, closed, evidence) in rows {
        let (sink, facts) = reading(text.as_bytes());
        assert_eq!(facts.closed_loop, closed, "{what}: {:?}", facts.loop_evidence);
        assert!(facts.loop_evidence.unwrap_or_default().contains(evidence), "{what}");
        let asks = sink.notes.iter().any(|note| note.kind == NoteKind::Doubt && note.text.contains("--open-loop"));
        assert_eq!(asks, closed.is_none(), "{what}: {:?}", sink.notes);
        let warns = sink.notes.iter().any(|note| note.text.contains("`users` and `think`"));
        assert_eq!(warns, closed == Some(true), "{what}: {:?}", sink.notes);
        for told in [true, false] {
            let (_, facts) = try_read(text.as_bytes(), &Options { closed_loop: Some(told), ..Options::default() });
            assert_eq!(facts.expect("read").closed_loop, Some(told), "{what}");
        }
    }
}

#[test]
fn absent_is_zero_only_when_asked() {
    let text = r#"{"MetricDataResults":[
        {"Id":"a","Label":"RequestCount","Timestamps":["2024-05-01T10:01:00Z","2024-05-01T10:00:00Z"],"Values":[60.0,120.0]},
        {"Id":"b","Label":"HTTPCode_ELB_5XX_Count","Timestamps":["2024-05-01T10:01:00Z"],"Values":[6.0]}]}"#;
    assert_eq!(reading(text.as_bytes()).0.traces[1].values, [6.0]);
    let (sink, _) = try_read(text.as_bytes(), &Options { absent_is_zero: true, ..Options::default() });
    assert_eq!(sink.traces[1].values, [0.0, 6.0]);
    assert_eq!(sink.traces[1].about.kind, Kind::PerInterval);
}

#[test]
fn a_pivot_names_series_by_a_column() {
    let text = "time,host,name,val,other\n1714557600,h1,rps,5,x\n1714557600,h1,queue,7,x\n";
    let options = Options { pivot: Some(("name".into(), "val".into())), ..Options::default() };
    let (sink, facts) = try_read(text.as_bytes(), &options);
    facts.expect("read");
    let titles: Vec<String> = sink.traces.iter().map(|t| t.about.title()).collect();
    assert_eq!(titles, ["rps{host=\"h1\", other=\"x\"}", "queue{host=\"h1\", other=\"x\"}"]);
}

/// Wrong files: what is said about each, and the line.
#[test]
fn bad_files_say_what_is_wrong_and_where() {
    let wide = {
        let header: Vec<String> = (0..1_000_000).map(|k| format!("c{k}")).collect();
        format!("time,{}\n", header.join(","))
    };
    let cut = {
        let whole = gzip(&"time,a\n1714557600,1\n".repeat(1000));
        whole[..whole.len() / 2].to_vec()
    };
    let rows: Vec<(&str, Vec<u8>, &str, Option<u64>)> = vec![
        ("nothing", b"".to_vec(), "is empty", None),
        ("white space", b" \n\n".to_vec(), "is empty", None),
        ("header only", b"time,a,b\n".to_vec(), "header and no data", None),
        ("binary", vec![0, 159, 146, 150, 0, 1, 2], "not text", None),
        ("a workbook", b"PK\x03\x04xxxx".to_vec(), "Excel", None),
        ("a cut archive", cut, "ends in the middle of its compressed data", None),
        ("cut JSON", br#"{"status":"success","data":{"resultType":"matrix","result":[{"metric""#.to_vec(), "ends in the middle of its JSON", Some(1)),
        ("an answer that is an error", br#"{"status":"error","errorType":"bad_data","error":"exceeded maximum resolution"}"#.to_vec(), "holds an error message", None),
        ("other JSON", br#"{"a":1}"#.to_vec(), "JSON of an unknown kind", None),
        ("a number that is none", b"time,a\n1714557600,1\n1714557601,2\n1714557602,3\n1714557603,4\n1714557604,abc\n1714557605,5\n".to_vec(), "`abc` is not a number", Some(6)),
        ("a time that is none", b"time,a\n1714557600,1\nnoon,2\n1714557602,3\n1714557602,3\n".to_vec(), "`noon` is not a time", Some(3)),
        ("seconds, then milliseconds", b"time,a\n1714557600,1\n1714557601000,2\n".to_vec(), "is not written like the times before it", Some(3)),
        ("too many cells", b"time,a\n1714557600,1\n1714557601,2\n1714557602,2,9\n".to_vec(), "3 cells where the header has 2", Some(4)),
        ("a huge number", b"time,a\n1714557600,1\n1714557601,1e308\n".to_vec(), "too large to be a measurement", Some(3)),
        ("a second header that disagrees", b"time,a\n1714557600,1\n1714557601,1\n1714557602,1\ntime,b\n1714557603,2\n".to_vec(), "second header that disagrees", Some(5)),
        ("an open quote", b"time,a\n1714557600,1\n1714557601,2\n1714557602,\"3\n1714557603,4\n".to_vec(), "ends in the middle of a quoted cell", Some(4)),
        ("a million columns", wide.into_bytes(), "columns are more than", Some(1)),
        ("a cut time", b"time,a\n1714557600,1\n1714557601,2\n17145576".to_vec(), "1 cells where the header has 2", Some(4)),
        ("a cut number", b"time,a,b,c\n1714557600,1,2,3\n1714557601,2,3,4\n1714557602,2".to_vec(), "2 cells where the header has 4", Some(4)),
        ("JSON after a table", b"time,a\n1714557600,1\n1714557601,2\n{\"metric\":{},\"values\":[1]}\n".to_vec(), "is not a time", Some(4)),
        ("bytes that are no text in the middle", b"time,a\n1714557600,1\n1714557601,\xff\xfe\x01\n1714557602,2\n1714557603,2\n".to_vec(), "not text", None),
        ("a million values in a row", format!("time,a\n1714557600,1\n1714557601,2\n1714557602{}\n", ",1".repeat(1_000_000)).into_bytes(), "1000001 columns are more than", Some(4)),
        ("no times", b"name,value\nx,1\ny,2\nz,3\n".to_vec(), "no column of times", None),
        ("a summary of wrk", b"Running 30s test @ http://x\n  12 threads and 400 connections\n    Latency   53.08ms\nRequests/sec: 100\n".to_vec(), "without a time axis", None),
        ("XML", b"<?xml version=\"1.0\"?><testResults/>".to_vec(), "is XML", None),
    ];
    for (what, bytes, message, line) in rows {
        let (_, facts) = try_read(&bytes, &Options::default());
        let error = facts.expect_err(what);
        assert!(error.kind.to_string().contains(message), "{what}: {}", error.kind);
        assert_eq!(error.place.as_ref().map(|p| p.line), line, "{what}: {error:?}");
    }
    let missing = read(std::path::Path::new("/nowhere/x.csv"), &Options::default(), &mut Collector::default());
    assert!(matches!(missing.expect_err("missing").kind, ReadErrorKind::Io(_)));
}

/// A file of many readings keeps a bounded number of them.
#[test]
fn memory_is_bounded() {
    let mut text = String::from("time,a\n");
    for k in 0..400_000_i64 {
        text += &format!("{},{}\n", TEN + k, k % 100);
    }
    let (sink, _) = reading(text.as_bytes());
    assert!(sink.traces[0].times.len() <= tipping::fit::metrics::collect::MOST);
    let mean = sink.traces[0].values.iter().sum::<f64>() / sink.traces[0].values.len() as f64;
    assert!((mean - 49.5).abs() < 0.5, "{mean}");
}
