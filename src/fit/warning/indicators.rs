//! Variance and lag-1 autocorrelation in a rolling window, and Kendall's τ as the measure of whether they rise.

/// Variance and lag-1 autocorrelation of each window, the first window first. Shorter than the window: nothing. A window
/// without variance has autocorrelation 0.
#[must_use]
pub fn rolling(values: &[f64], window: usize) -> (Vec<f64>, Vec<f64>) {
    if window < 3 || values.len() < window {
        return (Vec::new(), Vec::new());
    }
    // Sums over the window, moved on sample by sample around the mean of all values, which keeps cancellation small.
    let centre = values.iter().sum::<f64>() / values.len() as f64;
    let x: Vec<f64> = values.iter().map(|v| v - centre).collect();
    let n = window as f64;
    let mut sum: f64 = x[..window].iter().sum();
    let mut squares: f64 = x[..window].iter().map(|v| v * v).sum();
    let mut products: f64 = x[..window].windows(2).map(|w| w[0] * w[1]).sum();
    let (mut variance, mut autocorrelation) = (Vec::new(), Vec::new());
    for start in 0..=x.len() - window {
        let end = start + window;
        let mean = sum / n;
        let spread = (squares - n * mean * mean).max(0.0);
        // Σ (x_t - m)(x_{t+1} - m) over the n-1 pairs.
        let lagged = products - mean * (2.0 * sum - x[start] - x[end - 1]) + (n - 1.0) * mean * mean;
        variance.push(spread / (n - 1.0));
        autocorrelation.push(if spread > 0.0 { lagged / spread } else { 0.0 });
        if end < x.len() {
            sum += x[end] - x[start];
            squares += x[end].powi(2) - x[start].powi(2);
            products += x[end - 1] * x[end] - x[start] * x[start + 1];
        }
    }
    (variance, autocorrelation)
}

/// Kendall's τ-b of values against their order (Kendall 1938; the algorithm of Knight 1966, `n log n`). 0 for fewer than
/// two values or if all are equal.
#[must_use]
pub fn kendall_tau(values: &[f64]) -> f64 {
    let n = values.len();
    if n < 2 {
        return 0.0;
    }
    let mut sorted = values.to_vec();
    let mut spare = vec![0.0; n];
    let discordant = inversions(&mut sorted, &mut spare) as f64;
    let pairs = n as f64 * (n as f64 - 1.0) / 2.0;
    let mut tied = 0.0;
    let mut run = 1.0;
    for i in 1..=n {
        if i < n && sorted[i] == sorted[i - 1] {
            run += 1.0;
        } else {
            tied += run * (run - 1.0) / 2.0;
            run = 1.0;
        }
    }
    if tied >= pairs { 0.0 } else { (pairs - tied - 2.0 * discordant) / (pairs * (pairs - tied)).sqrt() }
}

/// Sorts by merging and counts the pairs that stood the wrong way round.
fn inversions(values: &mut [f64], spare: &mut [f64]) -> u64 {
    let n = values.len();
    if n < 2 {
        return 0;
    }
    let (left, right) = values.split_at_mut(n / 2);
    let mut count = inversions(left, spare) + inversions(right, spare);
    let (mut i, mut j) = (0, 0);
    for slot in spare[..n].iter_mut() {
        if j >= right.len() || (i < left.len() && left[i] <= right[j]) {
            *slot = left[i];
            i += 1;
        } else {
            count += (left.len() - i) as u64;
            *slot = right[j];
            j += 1;
        }
    }
    values.copy_from_slice(&spare[..n]);
    count
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rolling_sums_agree_with_the_definitions() {
        let values: Vec<f64> = (0..40).map(|i| (f64::from(i) * 1.3).sin() * 3.0 + f64::from(i % 7) + 100.0).collect();
        let (variance, autocorrelation) = rolling(&values, 12);
        assert_eq!(variance.len(), 29);
        for (k, part) in values.windows(12).enumerate() {
            let mean = part.iter().sum::<f64>() / 12.0;
            let spread: f64 = part.iter().map(|v| (v - mean).powi(2)).sum();
            let lagged: f64 = part.windows(2).map(|w| (w[0] - mean) * (w[1] - mean)).sum();
            assert!((variance[k] - spread / 11.0).abs() < 1e-9);
            assert!((autocorrelation[k] - lagged / spread).abs() < 1e-9);
        }
    }

    #[test]
    fn tau_by_counting_pairs() {
        let values = [3.0, 1.0, 4.0, 1.0, 5.0, 9.0, 2.0, 6.0];
        let (mut score, mut tied) = (0.0, 0.0);
        for i in 0..8 {
            for j in i + 1..8 {
                score += f64::from(values[j] > values[i]) - f64::from(values[j] < values[i]);
                tied += f64::from(values[j] == values[i]);
            }
        }
        let expected: f64 = score / (28.0_f64 * (28.0 - tied)).sqrt();
        assert!((kendall_tau(&values) - expected).abs() < 1e-12);
        assert_eq!(kendall_tau(&[1.0, 2.0, 3.0]), 1.0);
        assert_eq!(kendall_tau(&[3.0, 2.0, 1.0]), -1.0);
        assert_eq!(kendall_tau(&[2.0, 2.0]), 0.0);
    }
}
