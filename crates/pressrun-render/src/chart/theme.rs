//! Colours and sizes of every chart.

use pressrun_domain::tone::Tone;

use super::color::Color;
use super::colors::Ink;

/// What charts look like. All sizes are points.
#[derive(Debug, Clone, PartialEq)]
pub struct Theme {
    /// The surface the chart stands on; not painted, but gaps and halos take its colour.
    pub background: Color,
    /// Numbers and names that matter.
    pub text: Color,
    /// Axis labels, legends, comparisons.
    pub muted: Color,
    /// Grid lines.
    pub grid: Color,
    /// The baseline of values.
    pub axis: Color,
    /// Series colours in order of use: told apart under every common colour blindness, 3:1 on the background (WCAG 1.4.11), and
    /// neighbours of another lightness, for print in grey.
    pub series: [Color; 8],
    /// "Other" and context lines.
    pub other: Color,
    /// A change for the better.
    pub good: Color,
    /// A change for the worse.
    pub bad: Color,
    /// What is worth a look.
    pub warning: Color,
    /// Steps of the colour ramp from low to high.
    pub ramp: [Color; 5],
    /// The far end of the ramp for negative values.
    pub negative: Color,
    /// Axis labels and legends.
    pub small: f64,
    /// Value labels.
    pub label: f64,
    /// Width of lines that carry data.
    pub line: f64,
}

impl Theme {
    /// Dark text on white.
    #[must_use]
    pub fn light() -> Self {
        Self {
            background: Color(255, 255, 255),
            text: Color(24, 33, 47),
            muted: Color(92, 104, 122),
            grid: Color(232, 236, 241),
            axis: Color(176, 186, 199),
            series: [
                Color(82, 143, 252),
                Color(137, 18, 74),
                Color(176, 127, 27),
                Color(111, 44, 245),
                Color(122, 122, 181),
                Color(131, 73, 0),
                Color(19, 132, 111),
                Color(101, 58, 146),
            ],
            other: Color(168, 177, 189),
            good: Color(10, 133, 98),
            bad: Color(200, 58, 40),
            warning: Color(150, 88, 0),
            ramp: [Color(238, 243, 252), Color(190, 210, 246), Color(126, 166, 236), Color(74, 118, 219), Color(30, 58, 138)],
            negative: Color(200, 78, 30),
            small: 7.5,
            label: 7.5,
            line: 1.8,
        }
    }

    /// Light text on a dark surface.
    #[must_use]
    pub fn dark() -> Self {
        Self {
            background: Color(22, 27, 36),
            text: Color(236, 240, 246),
            muted: Color(154, 165, 182),
            grid: Color(42, 50, 63),
            axis: Color(84, 95, 112),
            series: [
                Color(64, 107, 220),
                Color(246, 167, 53),
                Color(35, 251, 231),
                Color(197, 77, 155),
                Color(51, 180, 241),
                Color(235, 90, 39),
                Color(233, 215, 146),
                Color(233, 119, 179),
            ],
            other: Color(104, 115, 132),
            good: Color(62, 200, 150),
            bad: Color(248, 120, 100),
            warning: Color(240, 190, 84),
            ramp: [Color(30, 40, 60), Color(34, 66, 124), Color(50, 104, 200), Color(110, 164, 250), Color(204, 224, 255)],
            negative: Color(226, 112, 66),
            ..Self::light()
        }
    }

    /// The colour of series `index`; `None` is "Other".
    #[must_use]
    pub fn series_color(&self, index: Option<usize>) -> Color {
        index.map_or(self.other, |index| {
            let color = self.series[index % self.series.len()];
            // Beyond the palette the same hues come again, nearer to the text colour.
            let round = index / self.series.len();
            if round == 0 { color } else { color.mix(self.text, 0.28 * round.min(3) as f64) }
        })
    }

    /// The colour of a series; `None` is what stays grey.
    #[must_use]
    pub fn ink(&self, ink: Option<Ink>) -> Color {
        match ink {
            Some(Ink::Slot(slot)) => self.series_color(Some(slot)),
            Some(Ink::Own(color)) => color,
            None => self.other,
        }
    }

    /// The colour of what is good, worth a look or bad.
    #[must_use]
    pub fn tone(&self, tone: Tone) -> Color {
        match tone {
            Tone::Good => self.good,
            Tone::Warning => self.warning,
            Tone::Bad => self.bad,
        }
    }

    /// The ground of a cell of this tone, and the colour of the text on it.
    #[must_use]
    pub fn toned(&self, tone: Tone) -> (Color, Color) {
        let color = self.tone(tone);
        (self.background.mix(color, 0.13), color.mix(self.text, 0.25))
    }

    /// The colour at `share` (0 to 1) of the ramp.
    #[must_use]
    pub fn ramp_color(&self, share: f64) -> Color {
        let share = if share.is_finite() { share.clamp(0.0, 1.0) } else { 0.0 };
        let place = share * (self.ramp.len() - 1) as f64;
        let index = (place.floor() as usize).min(self.ramp.len() - 2);
        self.ramp[index].mix(self.ramp[index + 1], place - index as f64)
    }

    /// The colour of `value` on a ramp over `low..=high`; diverges at zero when the range holds both signs.
    #[must_use]
    pub fn heat(&self, value: f64, low: f64, high: f64) -> Color {
        if low < 0.0 && high > 0.0 {
            let far = high.max(-low);
            let share = value.abs() / far;
            let end = if value < 0.0 { self.negative } else { self.ramp[3] };
            return self.ramp[0].mix(end, share);
        }
        let range = high - low;
        if range > 0.0 { self.ramp_color(0.04 + 0.86 * (value - low) / range) } else { self.ramp_color(0.45) }
    }
}

impl Default for Theme {
    fn default() -> Self {
        Self::light()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::many_single_char_names, reason = "r, g, b and l, m, s are the names of these things")]
    /// Linear RGB as seen without long or middle cones (Viénot, Brettel, Mollon 1999), in OKLab.
    fn seen(color: Color, blindness: &str) -> [f64; 3] {
        let linear = |c: u8| {
            let c = f64::from(c) / 255.0;
            if c <= 0.040_45 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        let [r, g, b] = [linear(color.0), linear(color.1), linear(color.2)];
        let [r, g, b] = match blindness {
            "protanopia" => [0.112_38 * r + 0.887_62 * g, 0.112_38 * r + 0.887_62 * g, 0.004_01 * r - 0.004_01 * g + b],
            "deuteranopia" => [0.292_75 * r + 0.707_25 * g, 0.292_75 * r + 0.707_25 * g, -0.022_34 * r + 0.022_34 * g + b],
            "tritanopia" => {
                let short = 0.873_909_3 * g + 0.126_090_7 * b;
                [r + 0.127_398_9 * (g - b), short, short]
            }
            _ => [r, g, b],
        };
        let l = (0.412_221_470_8 * r + 0.536_332_536_3 * g + 0.051_445_992_9 * b).cbrt();
        let m = (0.211_903_498_2 * r + 0.680_699_545_1 * g + 0.107_396_956_6 * b).cbrt();
        let s = (0.088_302_461_9 * r + 0.281_718_837_6 * g + 0.629_978_700_5 * b).cbrt();
        [
            0.210_454_255_3 * l + 0.793_617_785_0 * m - 0.004_072_046_8 * s,
            1.977_998_495_1 * l - 2.428_592_205_0 * m + 0.450_593_709_9 * s,
            0.025_904_037_1 * l + 0.782_771_766_2 * m - 0.808_675_766_0 * s,
        ]
    }

    #[test]
    fn series_are_told_apart_by_colour_blind_eyes() {
        for theme in [Theme::light(), Theme::dark()] {
            for (blindness, least) in [("none", 0.1), ("protanopia", 0.095), ("deuteranopia", 0.095), ("tritanopia", 0.07)] {
                for (i, a) in theme.series.iter().enumerate() {
                    for (j, b) in theme.series.iter().enumerate().skip(i + 1) {
                        let (a, b) = (seen(*a, blindness), seen(*b, blindness));
                        let distance = (0..3).map(|k| (a[k] - b[k]).powi(2)).sum::<f64>().sqrt();
                        assert!(distance > least, "{blindness}: series {i} and {j} are {distance:.3} apart");
                    }
                }
            }
        }
    }

    #[test]
    fn d5_series_stand_out_from_the_page_and_from_their_neighbours_in_grey() {
        let lightness = |color: Color| 116.0 * color.luminance().cbrt() - 16.0;
        for theme in [Theme::light(), Theme::dark()] {
            for (nth, color) in theme.series.iter().enumerate() {
                let contrast = theme.background.contrast(*color);
                assert!(contrast >= 3.0, "series {nth}: {contrast:.2}");
                let next = theme.series[(nth + 1) % theme.series.len()];
                let apart = (lightness(*color) - lightness(next)).abs();
                assert!(apart >= 10.0, "series {nth} and the next: {apart:.1} L*");
            }
        }
    }

    #[test]
    fn text_is_legible() {
        for theme in [Theme::light(), Theme::dark()] {
            for (what, color, least) in [
                ("text", theme.text, 10.0),
                ("muted", theme.muted, 4.5),
                ("good", theme.good, 4.5),
                ("warning", theme.warning, 4.5),
                ("bad", theme.bad, 4.5),
            ] {
                let contrast = theme.background.contrast(color);
                assert!(contrast >= least, "{what}: {contrast:.1}");
            }
            for tone in [Tone::Good, Tone::Warning, Tone::Bad] {
                let (ground, text) = theme.toned(tone);
                assert!(ground.contrast(text) >= 4.5, "{tone:?}: {:.1}", ground.contrast(text));
            }
        }
    }

    #[test]
    fn a_ramp_of_one_value_and_of_both_signs_is_defined() {
        let theme = Theme::light();
        assert_eq!(theme.heat(5.0, 5.0, 5.0), theme.ramp_color(0.45));
        assert_eq!(theme.heat(0.0, -1.0, 2.0), theme.ramp[0]);
        assert_ne!(theme.heat(-1.0, -1.0, 2.0), theme.heat(1.0, -1.0, 2.0));
        assert_eq!(theme.ramp_color(f64::NAN), theme.ramp[0]);
    }
}
