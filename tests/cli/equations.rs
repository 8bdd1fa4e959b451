//! `tipping equations`.

use crate::tipping;

#[test]
fn every_shipped_model_can_be_printed_both_ways() {
    for entry in std::fs::read_dir("models").expect("models").flatten() {
        let path = entry.path().display().to_string();
        let text = tipping(&["equations", &path]);
        assert!(text.code == 0 && text.out.ends_with('\n'), "{path}: {}", text.err);
        let latex = tipping(&["equations", &path, "--format", "latex"]);
        assert!(latex.out.contains('\\'), "{path}: {}", latex.out);
    }
}

#[test]
fn the_closure_can_be_chosen() {
    let with = |closure: &str| tipping(&["equations", "models/retry-storm.toml", "--closure", closure]).out;
    assert!(with("moments").contains("variance") && !with("fluid").contains("queue_variance"));
}
