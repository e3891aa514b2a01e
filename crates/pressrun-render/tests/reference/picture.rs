//! Pictures made small and compared with a tolerance.

use std::path::Path;

use resvg::tiny_skia::{Pixmap, PremultipliedColorU8};

/// The mean difference of a channel (0 to 255) beyond which pictures differ, over all of them and over one block.
const WHOLE: f64 = 0.8;
const BLOCK: f64 = 22.0;
/// Pixels of a block's side.
const SIDE: u32 = 8;

/// Opaque pixels.
pub(crate) struct Picture(Pixmap);

impl Picture {
    pub(crate) fn read(path: &Path) -> Option<Self> {
        Pixmap::load_png(path).ok().map(Self)
    }

    /// Each `by` × `by` pixels as one of their mean.
    pub(crate) fn smaller(&self, by: u32) -> Self {
        let (width, height) = (self.0.width() / by, self.0.height() / by);
        let mut small = Pixmap::new(width, height).unwrap();
        for y in 0..height {
            for x in 0..width {
                let mut sums = [0_u32; 3];
                for at in 0..by * by {
                    let pixel = self.0.pixel(x * by + at % by, y * by + at / by).unwrap();
                    for (sum, channel) in sums.iter_mut().zip([pixel.red(), pixel.green(), pixel.blue()]) {
                        *sum += u32::from(channel);
                    }
                }
                // Fewer shades make the files a third smaller, and are finer than the tolerance.
                let [red, green, blue] = sums.map(|sum| (sum / (by * by)) as u8 & 0xfc);
                small.pixels_mut()[(y * width + x) as usize] = PremultipliedColorU8::from_rgba(red, green, blue, 255).unwrap();
            }
        }
        Self(small)
    }

    pub(crate) fn png(&self) -> Vec<u8> {
        self.0.encode_png().unwrap()
    }

    /// How this picture differs from `other`, if it does.
    pub(crate) fn differs(&self, other: &Self) -> Option<String> {
        let size = |picture: &Self| (picture.0.width(), picture.0.height());
        if size(self) != size(other) {
            return Some(format!("it was {:?} pixels and is {:?}", size(other), size(self)));
        }
        let (width, height) = size(self);
        let difference = |x: u32, y: u32| -> f64 {
            let channels = |picture: &Self| {
                let pixel = picture.0.pixel(x, y).unwrap();
                [pixel.red(), pixel.green(), pixel.blue()].map(f64::from)
            };
            channels(self).iter().zip(channels(other)).map(|(a, b)| (a - b).abs()).sum::<f64>() / 3.0
        };
        let mut whole = 0.0;
        for top in (0..height).step_by(SIDE as usize) {
            for left in (0..width).step_by(SIDE as usize) {
                let (right, bottom) = ((left + SIDE).min(width), (top + SIDE).min(height));
                let sum: f64 = (top..bottom).flat_map(|y| (left..right).map(move |x| (x, y))).map(|(x, y)| difference(x, y)).sum();
                whole += sum;
                let mean = sum / f64::from((right - left) * (bottom - top));
                if mean > BLOCK {
                    return Some(format!("around ({left}, {top}) it differs by {mean:.0} of 255"));
                }
            }
        }
        let mean = whole / f64::from(width * height);
        (mean > WHOLE).then(|| format!("it differs by {mean:.2} of 255 in the mean"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(shade: u8) -> Picture {
        let mut pixels = Pixmap::new(40, 40).unwrap();
        pixels.pixels_mut().fill(PremultipliedColorU8::from_rgba(shade, shade, shade, 255).unwrap());
        Picture(pixels)
    }

    #[test]
    fn a_missing_word_is_seen_and_another_machines_rounding_is_not() {
        let white = plain(248);
        assert_eq!(white.differs(&plain(248)), None);
        assert!(white.differs(&plain(244)).is_some());
        let mut word = plain(248);
        for pixel in &mut word.0.pixels_mut()[..6] {
            *pixel = PremultipliedColorU8::from_rgba(0, 0, 0, 255).unwrap();
        }
        assert_eq!(white.differs(&word).as_deref(), Some("around (0, 0) it differs by 23 of 255"));
    }
}
