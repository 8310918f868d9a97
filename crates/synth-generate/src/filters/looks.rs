//! Shows nothing: blank, too dark, too bright, washed out.

use serde::{Deserialize, Serialize};
use synth_image::Picture;

use crate::{Candidate, Filter, GenerateError, Verdict};

/// Settings of [`Looks`]. Pictures of a data set of its own kind, as scans, need others than photos do.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
pub struct LooksSettings {
    /// The least standard deviation of the brightness, from 0 to 127.5; default 8. Blank pictures have none.
    pub least_contrast: f64,
    /// The least mean brightness, from 0 to 255; default 10.
    pub least_brightness: f64,
    /// The most, from 0 to 255; default 245.
    pub most_brightness: f64,
    /// The least sharpness, as [`Picture::sharpness`] measures it; default .02, below which nothing has an edge.
    pub least_sharpness: f64,
}

impl Default for LooksSettings {
    fn default() -> Self {
        Self { least_contrast: 8.0, least_brightness: 10.0, most_brightness: 245.0, least_sharpness: 0.02 }
    }
}

/// Drops pictures on which there is nothing to see: of one even colour, nearly black or white, or without a single edge.
/// The score is the sharpness.
#[derive(Debug, Clone, PartialEq)]
pub struct Looks {
    settings: LooksSettings,
}

impl Looks {
    /// A filter with these settings.
    ///
    /// # Errors
    /// A setting is no number of its range.
    pub fn new(settings: &LooksSettings) -> Result<Self, GenerateError> {
        let LooksSettings { least_contrast, least_brightness, most_brightness, least_sharpness } = *settings;
        let all = [
            ("least-contrast", least_contrast),
            ("least-brightness", least_brightness),
            ("most-brightness", most_brightness),
            ("least-sharpness", least_sharpness),
        ];
        if let Some((name, value)) = all.into_iter().find(|(_, value)| !(0.0..=255.0).contains(value)) {
            let expected = "a number from 0 to 255";
            return Err(GenerateError::Setting { name, value: value.to_string(), expected });
        }
        Ok(Self { settings: settings.clone() })
    }

    fn verdict(&self, picture: &Picture) -> Verdict {
        let settings = &self.settings;
        let (contrast, brightness, sharpness) = (picture.contrast(), picture.brightness(), picture.sharpness());
        let drop = |reason: String| Verdict::drop(reason, Some(sharpness));
        if contrast < settings.least_contrast {
            return drop(format!("blank: its contrast is {contrast:.1}, of {} at least", settings.least_contrast));
        }
        if brightness < settings.least_brightness {
            return drop(format!("dark: its brightness is {brightness:.1}, of {} at least", settings.least_brightness));
        }
        if brightness > settings.most_brightness {
            return drop(format!("bright: its brightness is {brightness:.1}, of {} at most", settings.most_brightness));
        }
        if sharpness < settings.least_sharpness {
            return drop(format!("blurred: its sharpness is {sharpness:.3}, of {} at least", settings.least_sharpness));
        }
        Verdict::pass(Some(sharpness))
    }
}

const NAME: &str = "looks";

impl Filter for Looks {
    fn name(&self) -> &'static str {
        NAME
    }

    fn judge(&mut self, batch: &[Candidate]) -> Result<Vec<Verdict>, GenerateError> {
        let judge = |candidate: &Candidate| Ok(self.verdict(&picture_of(candidate, NAME)?));
        batch.iter().map(judge).collect()
    }
}

/// The picture of a candidate, which has it as its text.
pub(super) fn picture_of(candidate: &Candidate, filter: &'static str) -> Result<Picture, GenerateError> {
    Picture::named(&candidate.text).map_err(|error| GenerateError::Filter { filter, source: error.into() })
}

#[cfg(test)]
mod tests {
    use super::super::tests::pictures;
    use super::*;

    #[test]
    fn what_shows_nothing_is_dropped() {
        let batch = pictures(&[
            &|_, _| 90,
            &|x, y| if (x / 8 + y / 8) % 2 == 0 { 40 } else { 200 },
            &|x, _| if x < 2 { 60 } else { 0 },
            &|x, _| if x < 2 { 190 } else { 255 },
            &|x, _| (100.0 + 12.0 * (f64::from(x) / 32.0 * std::f64::consts::PI).sin()) as u8,
        ]);
        let mut filter =
            Looks::new(&LooksSettings { least_sharpness: 0.2, least_contrast: 3.0, ..Default::default() }).unwrap();
        let reasons: Vec<_> = filter.judge(&batch).unwrap().into_iter().map(|verdict| verdict.dropped).collect();
        let begins = |at: usize, word: &str| reasons[at].as_ref().is_some_and(|reason| reason.starts_with(word));
        assert!(begins(0, "blank") && reasons[1].is_none() && begins(2, "dark") && begins(3, "bright"), "{reasons:?}");
        assert!(begins(4, "blurred"), "{reasons:?}");
        assert!(Looks::new(&LooksSettings { least_contrast: -1.0, ..Default::default() }).is_err());
    }

    #[test]
    fn what_is_no_picture_is_an_error() {
        let mut batch = pictures(&[&|_, _| 0]);
        batch[0].text = "data:image/png;base64,AAAA".into();
        assert!(Looks::new(&LooksSettings::default()).unwrap().judge(&batch).is_err());
    }
}
