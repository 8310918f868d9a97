//! One number for how good a data set is, of parts that are named.

/// How good a data set is: 100 times the geometric mean of its parts, so that no part makes up for another.
///
/// ```
/// use synth_audit::QualityScore;
///
/// let quality = QualityScore::of([("completeness", 1.0), ("label quality", 0.81)]);
/// assert!((quality.score - 90.0).abs() < 1e-9);
/// assert_eq!(quality.formula(), "90 = 100 x (completeness 1.000 x label quality 0.810)^(1/2)");
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct QualityScore {
    /// From 0 to 100.
    pub score: f64,
    /// What it is made of, each from 0 to 1.
    pub parts: Vec<(&'static str, f64)>,
}

impl QualityScore {
    /// Of parts by name; what is below 0 or above 1 counts as that. Without parts it is 100.
    pub fn of(parts: impl IntoIterator<Item = (&'static str, f64)>) -> Self {
        let parts: Vec<_> = parts.into_iter().map(|(name, part)| (name, part.clamp(0.0, 1.0))).collect();
        let product: f64 = parts.iter().map(|(_, part)| part).product();
        Self { score: 100.0 * product.powf(1.0 / parts.len().max(1) as f64), parts }
    }

    /// How the score comes to be, with all figures.
    pub fn formula(&self) -> String {
        let parts: Vec<String> = self.parts.iter().map(|(name, part)| format!("{name} {part:.3}")).collect();
        format!("{:.0} = 100 x ({})^(1/{})", self.score, parts.join(" x "), self.parts.len())
    }
}

/// How even the shares of classes are, from 0, all of one class, to 1: their entropy over the largest there could be.
///
/// ```
/// assert_eq!(synth_audit::evenness(&[50, 50]), 1.0);
/// assert_eq!(synth_audit::evenness(&[50, 0]), 0.0);
/// ```
pub fn evenness(counts: &[u64]) -> f64 {
    let n = counts.iter().sum::<u64>() as f64;
    if n == 0.0 || counts.len() < 2 {
        return 0.0;
    }
    let shares = counts.iter().map(|count| *count as f64 / n).filter(|share| *share > 0.0);
    let entropy: f64 = shares.map(|share| -share * share.ln()).sum();
    // The sum of many rounded terms may be a little more.
    (entropy / (counts.len() as f64).ln()).clamp(0.0, 1.0)
}
