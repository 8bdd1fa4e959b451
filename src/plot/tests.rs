//! What must hold for every chart, whatever it is given.

use resvg::{tiny_skia, usvg};

use super::*;

/// Numbers that do not make a curve.
fn odd_series() -> Vec<Vec<(f64, f64)>> {
    let (nan, inf) = (f64::NAN, f64::INFINITY);
    vec![
        vec![],
        vec![(1.0, 1.0)],
        vec![(0.0, 0.0)],
        vec![(nan, nan)],
        vec![(inf, 1.0), (1.0, inf), (-inf, -inf)],
        vec![(2.0, 5.0), (2.0, 5.0), (2.0, 5.0)],
        vec![(0.0, 1.0), (1.0, nan), (2.0, 3.0)],
        vec![(-1.0, -1e-300), (0.0, 0.0), (1.0, 1e-300)],
        vec![(0.0, -1e308), (1e308, 1e308)],
        vec![(0.0, 1e-12), (1.0, 1e12), (2.0, 1e280)],
        vec![(1.0, 7.0), (1.0 + 1e-15, 7.0 + 1e-15)],
        vec![(3.0, -5.0), (1.0, -2.0), (2.0, -1000.0)],
    ]
}

fn hysteresis(points: &[(f64, f64)], stable: bool, fold: f64) -> Hysteresis {
    let at = |&(load, goodput): &(f64, f64)| BranchPoint { load, goodput, inside: goodput * 2.0, stable };
    Hysteresis {
        title: "Title".to_owned(),
        unit: "req/s".to_owned(),
        branches: vec![Branch { points: points.iter().map(at).collect(), collapsed: false }],
        escape: Some(Escape { points: points.to_vec() }),
        tip_over: Some(Fold { load: fold, goodput: fold, inside: fold }),
        recovery: Some(Fold { load: 1.0, goodput: f64::NAN, inside: 0.5 }),
        today: Some(fold),
        ..Hysteresis::default()
    }
}

fn time_series(points: &[(f64, f64)], scale: Scale) -> TimeSeries {
    let band = points.iter().map(|&(t, v)| (t, v - 1.0, v + 1.0)).collect();
    let curve = |run| Curve { quantity: "queue".to_owned(), run, points: points.to_vec(), band };
    TimeSeries {
        title: "Title".to_owned(),
        runs: vec![("heals".to_owned(), "heals: 1.10 s".to_owned())],
        triggers: vec![TriggerSpan { from: f64::NAN, to: 1.0, label: "spike".to_owned() }],
        panels: vec![TimePanel { label: "Inside".to_owned(), scale, curves: vec![curve(7)], ..TimePanel::default() }],
        ..TimeSeries::default()
    }
}

fn trigger_curve(points: &[(f64, f64)], stated: f64) -> TriggerCurve {
    TriggerCurve {
        title: "Title".to_owned(),
        size_label: "Load".to_owned(),
        size_unit: "req/s".to_owned(),
        size_scale: Scale::Log,
        curves: vec![CriticalCurve { name: "p50".to_owned(), points: points.to_vec(), band: Vec::new() }],
        stated: Some(StatedTrigger { label: "spike".to_owned(), duration: stated, size: stated * 100.0 }),
        ..TriggerCurve::default()
    }
}

fn line_chart(points: &[(f64, f64)], scale: Scale) -> LineChart {
    let series = Series { name: "a".to_owned(), points: points.to_vec(), markers: true, ..Series::default() };
    LineChart {
        title: "Title".to_owned(),
        x_scale: scale,
        panels: vec![ChartPanel { scale, series: vec![series], ..ChartPanel::default() }],
        references: points.iter().map(|p| Reference { x: p.0, label: "a rather long label here".to_owned() }).collect(),
        ..LineChart::default()
    }
}

fn tree(figure: &Figure) -> usvg::Tree {
    let options = usvg::Options { fontdb: font::database(), ..usvg::Options::default() };
    usvg::Tree::from_str(&figure.svg(), &options).expect("well-formed SVG")
}

fn pixels(figure: &Figure) -> tiny_skia::Pixmap {
    tiny_skia::Pixmap::decode_png(&figure.png().expect("a PNG")).expect("a readable PNG")
}

#[test]
fn any_numbers_give_a_readable_document() {
    for points in odd_series() {
        for scale in [Scale::Linear, Scale::Log, Scale::Auto] {
            tree(&time_series(&points, scale).draw().expect("drawn"));
            tree(&line_chart(&points, scale).draw().expect("drawn"));
        }
        for odd in [f64::NAN, f64::INFINITY, 0.0, -1.0, 1.0, 1e300] {
            tree(&hysteresis(&points, true, odd).draw().expect("drawn"));
            tree(&hysteresis(&points, false, odd).draw().expect("drawn"));
            tree(&trigger_curve(&points, odd).draw().expect("drawn"));
        }
    }
}

#[test]
fn charts_without_content_are_drawn() {
    tree(&Hysteresis::default().draw().expect("drawn"));
    tree(&TimeSeries::default().draw().expect("drawn"));
    tree(&TriggerCurve::default().draw().expect("drawn"));
    tree(&LineChart::default().draw().expect("drawn"));
}

#[test]
fn a_panel_without_points_says_so() {
    let figure = line_chart(&[(f64::NAN, 1.0)], Scale::Linear).draw().expect("drawn");
    assert!(figure.svg().contains(">no data</text>"));
}

#[test]
fn any_words_give_a_readable_document() {
    for words in
        ["<b> & \"quotes\" 'x'", "line\nbreak\u{0}\u{7}\u{fffe}", "\u{65e5}\u{672c}", &"long ".repeat(200), " "]
    {
        let mut chart = line_chart(&[(0.0, 1.0), (1.0, 2.0)], Scale::Linear);
        chart.title = words.to_owned();
        chart.subtitle = Some(words.to_owned());
        chart.x_label = words.to_owned();
        chart.references[0].label = words.to_owned();
        chart.panels[0].label = words.to_owned();
        chart.panels[0].series.push(Series { name: words.to_owned(), ..Series::default() });
        tree(&chart.draw().expect("drawn"));
    }
}

#[test]
fn same_input_gives_the_same_bytes() {
    let chart = hysteresis(&[(0.0, 0.0), (50.0, 50.0), (95.5, 95.5)], true, 95.5);
    let (one, two) = (chart.draw().expect("drawn"), chart.draw().expect("drawn"));
    assert_eq!(one, two);
    assert_eq!(one.png().expect("a PNG"), two.png().expect("a PNG"));
}

#[test]
fn labels_state_the_numbers_given() {
    let mut chart = hysteresis(&[(0.0, 0.0), (50.0, 50.0), (95.5, 95.5)], true, 95.5);
    chart.recovery = Some(Fold { load: 25.0, goodput: 20.0, inside: 290.0 });
    chart.today = Some(60.0);
    let svg = chart.draw().expect("drawn").svg();
    for label in ["tip-over 95.5 req/s", "recovery 25.0 req/s", "today 60 req/s"] {
        assert!(svg.contains(&format!(">{label}</text>")), "{label}");
    }
    let svg = trigger_curve(&[(0.5, 300.0), (2.0, 100.0)], 1.5).draw().expect("drawn").svg();
    assert!(svg.contains(">spike: 150 req/s for 1.5 s</text>"));
}

#[test]
fn the_document_describes_itself() {
    let svg = hysteresis(&[(0.0, 0.0), (95.5, 95.5)], true, 95.5).draw().expect("drawn").svg();
    assert!(svg.contains("role=\"img\"") && svg.contains("<title>Title</title>"));
    assert!(svg.contains("<desc>") && svg.contains("Tip-over load 95.5 req/s."));
    assert!(svg.contains("sans-serif"));
}

#[test]
fn the_png_is_the_svg_at_its_size() {
    let figure = trigger_curve(&[(0.5, 300.0), (2.0, 100.0)], 1.5).draw().expect("drawn");
    let image = pixels(&figure);
    let (width, height) = figure.size();
    assert_eq!(image.width(), 1728);
    assert_eq!(f64::from(image.height()), (f64::from(height) * 1728.0 / f64::from(width)).round());
    let dark = image.pixels().iter().filter(|p| p.red() < 100).count();
    assert!(dark > 2000, "{dark} dark pixels");
    assert_eq!(image.pixel(0, 0).map(|p| (p.red(), p.alpha())), Some((255, 255)));
}

#[test]
fn widths_of_text_agree_with_the_renderer() {
    for (text, bold) in
        [("tip-over 95.5 req/s", false), ("Goodput (req/s)", true), ("10\u{207b}\u{2076} WAVE To", false)]
    {
        let weight = if bold { 600 } else { 400 };
        let svg = format!(
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"900\" height=\"90\"><text x=\"9\" y=\"50\" \
             font-family=\"Inter\" font-weight=\"{weight}\" font-size=\"40\">{text}</text></svg>"
        );
        let options = usvg::Options { fontdb: font::database(), ..usvg::Options::default() };
        let tree = usvg::Tree::from_str(&svg, &options).expect("well-formed SVG");
        let drawn = f64::from(tree.root().bounding_box().width());
        let measured = font::width(text, 40.0, bold);
        assert!((measured - drawn).abs() < 0.06 * drawn, "{text}: measured {measured}, drawn {drawn}");
    }
}
