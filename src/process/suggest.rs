//! "Did you mean": the known name nearest to an unknown one.

/// Names longer than this are not compared: nobody mistypes them.
const LONGEST: usize = 80;

/// The candidate that was probably meant, if one is near enough.
pub(crate) fn nearest<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if name.is_empty() || name.len() > LONGEST {
        return None;
    }
    let plain = simplified(name);
    let mut begun: Vec<&str> = Vec::new();
    let mut best: Option<(usize, &str)> = None;
    for candidate in candidates {
        let distance = distance(&plain, name, candidate);
        let allowed = 1.max(candidate.len().min(name.len()) / 3);
        if candidate.starts_with(name) {
            begun.push(candidate);
        }
        if distance <= allowed && best.is_none_or(|(d, _)| distance < d) {
            best = Some((distance, candidate));
        }
    }
    if let Some((_, candidate)) = best {
        return Some(candidate);
    }
    // The beginning of exactly one.
    let mut begun = begun.into_iter();
    match (begun.next(), begun.next()) {
        (Some(only), None) if name.len() >= 3 => Some(only),
        _ => None,
    }
}

/// ``did you mean `x`?``, if something is near enough.
pub(crate) fn did_you_mean<'a>(name: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(name, candidates).map(|c| format!("did you mean `{c}`?"))
}

/// A dotted path that was probably meant: near as a whole, or known by its last parts (`web.load`).
pub(crate) fn path<'a>(name: &str, candidates: &[&'a str]) -> Option<&'a str> {
    let ends_so = |c: &&&str| c.ends_with(name) && c[..c.len() - name.len()].ends_with('.');
    let mut same = candidates.iter().filter(ends_so);
    match (same.next(), same.next()) {
        (Some(only), None) => Some(only),
        _ => nearest(name, candidates.iter().copied()),
    }
}

fn simplified(name: &str) -> String {
    name.chars().filter(|c| !matches!(c, '-' | '_' | ' ')).flat_map(char::to_lowercase).collect()
}

fn distance(plain: &str, name: &str, candidate: &str) -> usize {
    if simplified(candidate) == plain {
        return 0;
    }
    strsim::damerau_levenshtein(name, candidate)
}
