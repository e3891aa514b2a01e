//! Pictures as PNG (W3C PNG, third edition): as small as what they show allows, and of a size that readers know.

use std::collections::HashMap;

use png::{BitDepth, ColorType, DeflateCompression, Encoder, EncodingError, Filter, PixelDimensions, Unit};

/// Most colours of a picture with a palette.
const MOST_COLORS: usize = 256;

/// How hard the bytes are pressed: the level from which on time grows faster than files shrink.
const LEVEL: u8 = 6;

/// The bytes of a picture of `width` by `height` pixels, `pixels` as red, green, blue and opacity each, multiplied by opacity.
///
/// Up to 256 colours are a palette, more are three bytes a pixel; the opacity is kept only where something shows through. The size
/// on paper is written (`pHYs`) as `per_metre` pixels a metre: without it, text processors take pictures for twice as large (D7).
///
/// # Errors
/// The encoder refuses a picture without pixels, or one whose bytes are not as many as its size says.
pub(super) fn encode(pixels: &[u8], (width, height): (u32, u32), per_metre: u32) -> Result<Vec<u8>, EncodingError> {
    let mut out = Vec::new();
    let mut encoder = Encoder::new(&mut out, width, height);
    encoder.set_pixel_dims(Some(PixelDimensions { xppu: per_metre, yppu: per_metre, unit: Unit::Meter }));
    encoder.set_deflate_compression(DeflateCompression::Level(LEVEL));
    // Drawings have long runs of one colour, which differences to a neighbour would only hide.
    encoder.set_filter(Filter::NoFilter);
    let (chunks, _) = pixels.as_chunks::<4>();
    let data: Vec<u8> = if chunks.iter().any(|[.., opacity]| *opacity < 255) {
        encoder.set_color(ColorType::Rgba);
        chunks.iter().copied().flat_map(plain).collect()
    } else if let Some((palette, indexes)) = indexed(chunks) {
        encoder.set_color(ColorType::Indexed);
        encoder.set_palette(palette);
        indexes
    } else {
        encoder.set_color(ColorType::Rgb);
        chunks.iter().flat_map(|[red, green, blue, _]| [*red, *green, *blue]).collect()
    };
    encoder.set_depth(BitDepth::Eight);
    let mut writer = encoder.write_header()?;
    writer.write_image_data(&data)?;
    writer.finish()?;
    Ok(out)
}

/// A palette in order of appearance and the place of each pixel in it; `None` for more colours than a palette holds.
fn indexed(pixels: &[[u8; 4]]) -> Option<(Vec<u8>, Vec<u8>)> {
    let mut places: HashMap<[u8; 4], u8> = HashMap::new();
    let mut palette = Vec::new();
    let mut indexes = Vec::with_capacity(pixels.len());
    let mut last: Option<([u8; 4], u8)> = None;
    for pixel in pixels {
        let index = match last {
            Some((color, index)) if color == *pixel => index,
            _ => match places.get(pixel) {
                Some(index) => *index,
                None if places.len() == MOST_COLORS => return None,
                None => {
                    let index = u8::try_from(places.len()).ok()?;
                    places.insert(*pixel, index);
                    palette.extend_from_slice(pixel.get(..3)?);
                    index
                }
            },
        };
        last = Some((*pixel, index));
        indexes.push(index);
    }
    Some((palette, indexes))
}

/// A pixel whose colour is not multiplied by its opacity.
fn plain([red, green, blue, opacity]: [u8; 4]) -> [u8; 4] {
    let whole = |part: u8| (u16::from(part) * 255).checked_div(u16::from(opacity)).map_or(0, |part| part.min(255) as u8);
    [whole(red), whole(green), whole(blue), opacity]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(bytes: &[u8]) -> (ColorType, Option<PixelDimensions>, Vec<u8>) {
        let mut decoder = png::Decoder::new(std::io::Cursor::new(bytes));
        decoder.set_transformations(png::Transformations::EXPAND);
        let mut reader = decoder.read_info().unwrap();
        let (kind, dims) = (reader.info().color_type, reader.info().pixel_dims);
        let mut data = vec![0; reader.output_buffer_size().unwrap()];
        reader.next_frame(&mut data).unwrap();
        (kind, dims, data)
    }

    #[test]
    fn d7_pictures_are_lossless_and_say_how_large_they_are() {
        let few: Vec<u8> = (0..64 * 64).flat_map(|pixel| [(pixel % 200) as u8, 10, 20, 255]).collect();
        let many: Vec<u8> = (0..64 * 64_u32).flat_map(|pixel| [(pixel % 251) as u8, (pixel / 16) as u8, 20, 255]).collect();
        for (case, pixels, kind) in [("few colours", few, ColorType::Indexed), ("many", many, ColorType::Rgb)] {
            let (found, dims, data) = decoded(&encode(&pixels, (64, 64), 5669).unwrap());
            assert_eq!(found, kind, "{case}");
            assert_eq!(dims.map(|dims| (dims.xppu, dims.yppu, dims.unit)), Some((5669, 5669, Unit::Meter)), "{case}");
            let wanted: Vec<u8> = pixels.chunks(4).flat_map(|pixel| pixel[..3].to_vec()).collect();
            assert_eq!(data, wanted, "{case}");
        }
        let (kind, _, data) = decoded(&encode(&[64, 0, 0, 128, 0, 0, 0, 0], (2, 1), 2835).unwrap());
        assert_eq!((kind, data), (ColorType::Rgba, vec![127, 0, 0, 128, 0, 0, 0, 0]));
    }

    #[test]
    fn a_palette_holds_exactly_as_many_colours_as_it_can() {
        let of = |count: usize| (0..count).flat_map(|pixel| [(pixel % 256) as u8, (pixel / 256) as u8, 0, 255]).collect::<Vec<u8>>();
        for (count, kind) in [(256, ColorType::Indexed), (257, ColorType::Rgb)] {
            assert_eq!(decoded(&encode(&of(count), (count as u32, 1), 2835).unwrap()).0, kind, "{count}");
        }
    }
}
