//! What can be said of a picture without knowing what it shows.

use crate::Picture;

impl Picture {
    /// How bright each pixel is, from 0 to 255, by the weights of ITU-R BT.601, row by row.
    pub fn grey(&self) -> Vec<f32> {
        let of = |pixel: &[u8]| 0.299 * f32::from(pixel[0]) + 0.587 * f32::from(pixel[1]) + 0.114 * f32::from(pixel[2]);
        self.rgb().chunks_exact(3).map(of).collect()
    }

    /// The mean brightness, from 0 to 255.
    pub fn brightness(&self) -> f64 {
        let grey = self.grey();
        grey.iter().map(|x| f64::from(*x)).sum::<f64>() / grey.len() as f64
    }

    /// The standard deviation of the brightness, from 0, for one even colour, to 127.5.
    pub fn contrast(&self) -> f64 {
        deviation(&self.grey())
    }

    /// How sharp it is: the standard deviation of the Laplacian of the brightness (Pech-Pacheco et al. 2000, Diatom
    /// autofocusing), relative to the contrast, so that pale pictures do not count as blurred. 0 where nothing varies;
    /// about 4.5 for noise, below .1 where every edge is washed out.
    pub fn sharpness(&self) -> f64 {
        let (width, height) = (self.width() as usize, self.height() as usize);
        let grey = self.grey();
        let mut laplacian = Vec::with_capacity(grey.len());
        for y in 1..height.saturating_sub(1) {
            for x in 1..width.saturating_sub(1) {
                let at = y * width + x;
                laplacian.push(grey[at - 1] + grey[at + 1] + grey[at - width] + grey[at + width] - 4.0 * grey[at]);
            }
        }
        let contrast = deviation(&grey);
        if laplacian.is_empty() || contrast < 1e-3 { 0.0 } else { deviation(&laplacian) / contrast }
    }

    /// A fingerprint by which pictures that look alike differ in few of 64 bits: which of the 8 x 8 lowest frequencies of
    /// a grey thumbnail are above their median (Zauner 2010, pHash). Of one even colour it is 0.
    ///
    /// ```
    /// use synth_image::Picture;
    ///
    /// let ramp: Vec<u8> = (0..64 * 64).flat_map(|i| [(i % 64 * 4) as u8; 3]).collect();
    /// let brighter: Vec<u8> = ramp.iter().map(|x| x.saturating_add(3)).collect();
    /// let (ramp, brighter) = (Picture::from_rgb(64, 64, ramp)?, Picture::from_rgb(64, 64, brighter)?);
    /// assert!((ramp.perceptual_hash() ^ brighter.perceptual_hash()).count_ones() <= 4);
    /// # Ok::<(), synth_image::ImageError>(())
    /// ```
    pub fn perceptual_hash(&self) -> u64 {
        const SIDE: usize = 32;
        const KEPT: usize = 8;
        let small = self.resized(SIDE as u32, SIDE as u32);
        let grey = |y: usize, x: usize| 0.299 * small[[0, y, x]] + 0.587 * small[[1, y, x]] + 0.114 * small[[2, y, x]];
        // The cosine transform of the lowest frequencies: by hand, as 64 sums need no library.
        let cosine =
            |k: usize, i: usize| ((2 * i + 1) as f64 * k as f64 * std::f64::consts::PI / (2 * SIDE) as f64).cos();
        let mut found = Vec::with_capacity(KEPT * KEPT);
        for v in 0..KEPT {
            for u in 0..KEPT {
                let pixels = (0..SIDE).flat_map(|y| (0..SIDE).map(move |x| (y, x)));
                found.push(pixels.map(|(y, x)| f64::from(grey(y, x)) * cosine(v, y) * cosine(u, x)).sum::<f64>());
            }
        }
        // The first says how bright the whole is, and nothing of what is on it. What rounding makes of zeros is zero.
        found[0] = 0.0;
        let most = found.iter().fold(0.0, |most: f64, x| most.max(x.abs()));
        if most < 1e-3 {
            return 0;
        }
        let mut sorted = found.clone();
        sorted.sort_by(f64::total_cmp);
        let median = sorted[sorted.len() / 2].max(most * 1e-9);
        found.iter().enumerate().fold(0, |bits, (at, x)| bits | (u64::from(*x > median) << at))
    }
}

fn deviation(numbers: &[f32]) -> f64 {
    let n = numbers.len() as f64;
    let mean = numbers.iter().map(|x| f64::from(*x)).sum::<f64>() / n;
    (numbers.iter().map(|x| (f64::from(*x) - mean).powi(2)).sum::<f64>() / n).sqrt()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn grey(width: u32, height: u32, of: impl Fn(u32, u32) -> u8) -> Picture {
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let rgb = pixels.flat_map(|(x, y)| [of(x, y); 3]).collect();
        Picture::from_rgb(width, height, rgb).unwrap()
    }

    #[test]
    fn measures_by_hand() {
        let half = grey(4, 4, |x, _| if x < 2 { 0 } else { 200 });
        assert!((half.brightness() - 100.0).abs() < 1e-4 && (half.contrast() - 100.0).abs() < 1e-4);
        let even = grey(8, 8, |_, _| 77);
        assert!(even.contrast() < 1e-3, "{}", even.contrast());
        assert_eq!((even.sharpness(), even.perceptual_hash()), (0.0, 0));
        assert_eq!(grey(1, 1, |_, _| 9).sharpness(), 0.0);
        // Noise of a chessboard: each pixel differs from its four neighbours by twice its distance from the mean.
        let board = grey(16, 16, |x, y| if (x + y) % 2 == 0 { 0 } else { 255 });
        assert!((board.sharpness() - 8.0).abs() < 0.05, "{}", board.sharpness());
        let ramp = grey(64, 64, |x, _| (x * 4) as u8);
        assert!(ramp.sharpness() < 0.1, "{}", ramp.sharpness());
    }

    #[test]
    fn pictures_that_look_alike_have_hashes_alike() {
        let disc = |cx: f64, cy: f64, light: u8| {
            grey(64, 64, move |x, y| if (f64::from(x) - cx).hypot(f64::from(y) - cy) < 15.0 { light } else { 20 })
        };
        let apart = |a: &Picture, b: &Picture| (a.perceptual_hash() ^ b.perceptual_hash()).count_ones();
        let first = disc(30.0, 30.0, 220);
        assert!(apart(&first, &disc(30.0, 30.0, 180)) <= 4);
        assert!(apart(&first, &disc(31.0, 30.0, 220)) <= 12);
        assert!(apart(&first, &disc(45.0, 12.0, 220)) > 16);
        assert!(apart(&first, &grey(64, 64, |x, y| (x * 3) as u8 ^ (y * 5) as u8)) > 16);
    }
}
