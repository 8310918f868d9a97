//! Looks like a real picture, or one that was kept.

use serde::{Deserialize, Serialize};

use super::looks::picture_of;
use crate::{Candidate, Filter, GenerateError, Verdict};

/// Settings of [`LookAlikes`].
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct LookAlikesSettings {
    /// So many of 64 bits may differ between pictures that look alike; default 6. Small pictures of single things need
    /// fewer: they have little to differ in.
    pub bits: u32,
}

impl Default for LookAlikesSettings {
    fn default() -> Self {
        Self { bits: 6 }
    }
}

/// Drops pictures whose perceptual hashes differ in few bits from that of a real picture, one that was kept, or one before
/// them in the batch. The score is the number of bits to the nearest; missing where there is none.
#[derive(Debug, Clone)]
pub struct LookAlikes {
    bits: u32,
    known: Vec<(String, u64)>,
}

impl LookAlikes {
    /// A filter against real pictures, as (id, perceptual hash).
    ///
    /// # Errors
    /// More bits than a hash has.
    pub fn new(
        settings: &LookAlikesSettings,
        real: impl IntoIterator<Item = (String, u64)>,
    ) -> Result<Self, GenerateError> {
        if settings.bits > 64 {
            let value = settings.bits.to_string();
            return Err(GenerateError::Setting { name: "bits", value, expected: "a number from 0 to 64" });
        }
        Ok(Self { bits: settings.bits, known: real.into_iter().collect() })
    }
}

const NAME: &str = "look-alikes";

impl Filter for LookAlikes {
    fn name(&self) -> &'static str {
        NAME
    }

    fn judge(&mut self, batch: &[Candidate]) -> Result<Vec<Verdict>, GenerateError> {
        let mut before: Vec<(&str, u64)> = Vec::new();
        let mut verdicts = Vec::with_capacity(batch.len());
        for candidate in batch {
            let hash = picture_of(candidate, NAME)?.perceptual_hash();
            let known = self.known.iter().map(|(name, known)| (name.as_str(), *known));
            let apart = known.chain(before.iter().copied()).map(|(name, other)| ((hash ^ other).count_ones(), name));
            // The first of equals.
            let nearest = apart.reduce(|best, next| if next.0 < best.0 { next } else { best });
            let score = nearest.map(|(bits, _)| f64::from(bits));
            verdicts.push(match nearest {
                Some((bits, name)) if bits <= self.bits => {
                    Verdict::drop(format!("looks like {name}: {bits} of 64 bits differ"), score)
                }
                _ => {
                    before.push((&candidate.id, hash));
                    Verdict::pass(score)
                }
            });
        }
        Ok(verdicts)
    }

    fn keep(&mut self, kept: &[Candidate]) -> Result<(), GenerateError> {
        for candidate in kept {
            self.known.push((candidate.id.clone(), picture_of(candidate, NAME)?.perceptual_hash()));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::super::tests::pictures;
    use super::*;

    #[test]
    fn what_looks_alike_is_dropped() {
        let disc = |cx: f64, light: u8| {
            move |x: u32, y: u32| if (f64::from(x) - cx).hypot(f64::from(y) - 12.0) < 7.0 { light } else { 20 }
        };
        let batch =
            pictures(&[&disc(10.0, 220), &disc(10.0, 200), &disc(24.0, 220), &|x, y| ((x * 7) ^ (y * 13)) as u8]);
        let real = picture_of(&pictures(&[&|x, y| ((x * 7) ^ (y * 13)) as u8])[0], NAME).unwrap().perceptual_hash();
        let mut filter = LookAlikes::new(&LookAlikesSettings::default(), [("r-1".to_owned(), real)]).unwrap();
        let reasons: Vec<_> = filter.judge(&batch).unwrap().into_iter().map(|verdict| verdict.dropped).collect();
        assert!(reasons[0].is_none() && reasons[2].is_none(), "{reasons:?}");
        assert!(reasons[1].as_ref().unwrap().starts_with("looks like c0: "), "{reasons:?}");
        assert_eq!(reasons[3].as_deref(), Some("looks like r-1: 0 of 64 bits differ"));
        filter.keep(&batch[2..3]).unwrap();
        assert_eq!(
            filter.judge(&batch[2..3]).unwrap()[0].dropped.as_deref(),
            Some("looks like c2: 0 of 64 bits differ")
        );
        assert!(LookAlikes::new(&LookAlikesSettings { bits: 65 }, []).is_err());
    }
}
