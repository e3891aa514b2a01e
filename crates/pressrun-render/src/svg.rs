//! Drawings as pictures: SVG to PNG with the fonts of the pages.

use std::sync::{Arc, LazyLock};

use resvg::tiny_skia::{Pixmap, Transform};
use resvg::usvg::{Options, Tree, fontdb};

/// The largest picture, in pixels each way.
const SIDE: f64 = 8_192.0;

/// Why a drawing did not become a picture.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SvgError {
    /// The text is no SVG.
    #[error("not a valid SVG: {0}")]
    Invalid(String),
    /// The picture would have no pixels, or too many.
    #[error("a picture of {width} by {height} pixels cannot be made")]
    Size {
        /// Pixels across.
        width: u32,
        /// Pixels down.
        height: u32,
    },
    /// The picture could not be encoded.
    #[error("could not encode the picture: {0}")]
    Encode(String),
}

static FONTS: LazyLock<Arc<fontdb::Database>> = LazyLock::new(|| {
    let mut fonts = fontdb::Database::new();
    for bytes in [notosans::REGULAR_TTF, notosans::BOLD_TTF, notosans::ITALIC_TTF, notosans::BOLD_ITALIC_TTF] {
        fonts.load_font_source(fontdb::Source::Binary(Arc::new(bytes)));
    }
    fonts.set_sans_serif_family("Noto Sans");
    fonts.set_serif_family("Noto Sans");
    Arc::new(fonts)
});

/// Draws `svg` on a transparent ground at `scale` pixels a point; equal drawings give equal bytes.
///
/// Nothing outside the text is loaded: no files, no network, no fonts but the built-in ones.
///
/// # Errors
/// [`SvgError`]: the text is no SVG, or the picture would be empty or larger than 8,192 pixels a side.
pub fn svg_to_png(svg: &str, scale: f64) -> Result<Vec<u8>, SvgError> {
    let mut options = Options { fontdb: FONTS.clone(), font_family: "Noto Sans".to_owned(), ..Options::default() };
    options.image_href_resolver.resolve_string = Box::new(|_, _| None);
    let tree = Tree::from_str(svg, &options).map_err(|error| SvgError::Invalid(error.to_string()))?;
    let pixels = |points: f32| (f64::from(points) * scale).ceil();
    let (width, height) = (pixels(tree.size().width()), pixels(tree.size().height()));
    let too_large = !(1.0..=SIDE).contains(&width) || !(1.0..=SIDE).contains(&height);
    let (width, height) = (width as u32, height as u32);
    let pixmap = if too_large { None } else { Pixmap::new(width, height) };
    let mut pixmap = pixmap.ok_or(SvgError::Size { width, height })?;
    resvg::render(&tree, Transform::from_scale(scale as f32, scale as f32), &mut pixmap.as_mut());
    pixmap.encode_png().map_err(|error| SvgError::Encode(error.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str =
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="40" height="20"><text x="2" y="15" font-size="12">Hi</text></svg>"#;

    #[test]
    fn text_is_drawn_with_the_built_in_font() {
        let png = svg_to_png(TEXT, 2.0).unwrap();
        let image = Pixmap::decode_png(&png).unwrap();
        assert_eq!((image.width(), image.height()), (80, 40));
        assert!(image.pixels().iter().any(|pixel| pixel.alpha() > 200));
        assert_eq!(png, svg_to_png(TEXT, 2.0).unwrap());
    }

    #[test]
    fn what_is_no_picture_is_refused() {
        assert!(matches!(svg_to_png("<svg", 1.0), Err(SvgError::Invalid(_))));
        assert!(matches!(svg_to_png(TEXT, 1_000.0), Err(SvgError::Size { .. })));
        assert!(matches!(svg_to_png(TEXT, f64::NAN), Err(SvgError::Size { .. })));
    }
}
