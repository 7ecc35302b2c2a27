//! Makes avatars with the `image` crate: nothing of what was sent is kept but how it looks.

use std::io::Cursor;
use std::sync::Arc;

use async_trait::async_trait;
use image::codecs::jpeg::JpegEncoder;
use image::imageops::FilterType;
use image::metadata::Orientation;
use image::{DynamicImage, ImageDecoder as _, ImageError, ImageFormat, ImageReader, Limits, Rgb, RgbImage, Rgba, RgbaImage};
use kernel::Fault;
use runtime::TaskLost;
use tokio::sync::Semaphore;

use crate::application::{AvatarMaker, MakeAvatarError};
use crate::domain::{Avatar, AvatarSize, PictureFile, PictureFlaw, PictureFormat, fits};

/// Pictures uncompressed at once: one may take a quarter of a gigabyte, half of what a pod has.
const AT_ONCE: usize = 1;
/// What a picture may take uncompressed: all its pixels in full colour with transparency, half of them with twice the depth.
const MOST_MEMORY: u64 = 100_000_000;
/// No artefacts to be seen; an avatar of a photograph has some 15 kB, as PNG it would have ten times as many.
const QUALITY: u8 = 85;

pub(crate) struct ImagePictures {
    turns: Arc<Semaphore>,
}

impl Default for ImagePictures {
    fn default() -> Self {
        Self { turns: Arc::new(Semaphore::new(AT_ONCE)) }
    }
}

#[async_trait]
impl AvatarMaker for ImagePictures {
    async fn make(&self, format: PictureFormat, file: PictureFile) -> Result<Avatar, MakeAvatarError> {
        let turn = self.turns.clone().acquire_owned().await.map_err(Fault::internal)?;
        let work = move || {
            let made = make(format, &file.into_bytes());
            // Not before: whoever waits for it may have gone, the work has not.
            drop(turn);
            made
        };
        tokio::task::spawn_blocking(work).await.map_err(|lost| Fault::internal(TaskLost::from(lost)))?
    }
}

fn make(format: PictureFormat, file: &[u8]) -> Result<Avatar, MakeAvatarError> {
    let (picture, orientation) = read(format, file)?;
    let mut large = resized(&over_white(middle(picture)), AvatarSize::Large);
    large.apply_orientation(orientation);
    Ok(Avatar { small: written(&resized(&large, AvatarSize::Small))?, large: written(&large)? })
}

/// The picture, and how it is to be turned. What its header says is looked at before there is room for its pixels.
fn read(format: PictureFormat, file: &[u8]) -> Result<(DynamicImage, Orientation), PictureFlaw> {
    let mut reader = ImageReader::with_format(Cursor::new(file), image_format(format));
    reader.limits(limits());
    let mut decoder = reader.into_decoder().map_err(|error| flaw(&error))?;
    let (width, height) = decoder.dimensions();
    fits(width, height)?;
    if decoder.total_bytes() > MOST_MEMORY {
        return Err(PictureFlaw::TooManyPixels);
    }
    // Metadata that cannot be read turn nothing.
    let orientation = decoder.orientation().unwrap_or(Orientation::NoTransforms);
    let picture = DynamicImage::from_decoder(decoder).map_err(|error| flaw(&error))?;
    Ok((picture, orientation))
}

fn limits() -> Limits {
    let mut limits = Limits::default();
    limits.max_alloc = Some(MOST_MEMORY * 2);
    limits
}

const fn image_format(format: PictureFormat) -> ImageFormat {
    match format {
        PictureFormat::Jpeg => ImageFormat::Jpeg,
        PictureFormat::Png => ImageFormat::Png,
        PictureFormat::WebP => ImageFormat::WebP,
    }
}

fn flaw(error: &ImageError) -> PictureFlaw {
    if let ImageError::Limits(_) = error { PictureFlaw::TooManyPixels } else { PictureFlaw::Broken }
}

/// The largest square around the middle, which is the same however the picture is turned.
fn middle(picture: DynamicImage) -> DynamicImage {
    let (width, height) = (picture.width(), picture.height());
    if width == height {
        return picture;
    }
    let side = width.min(height);
    picture.crop_imm((width - side) / 2, (height - side) / 2, side, side)
}

/// JPEG knows no transparency: what shines through is white.
fn over_white(picture: DynamicImage) -> DynamicImage {
    if !picture.color().has_alpha() {
        return picture;
    }
    let picture: RgbaImage = picture.into_rgba8();
    let mix = |colour: u8, alpha: u8| {
        let (colour, alpha) = (u16::from(colour), u16::from(alpha));
        u8::try_from((colour * alpha + 255 * (255 - alpha)) / 255).unwrap_or(u8::MAX)
    };
    let over = |x, y| {
        let Rgba([red, green, blue, alpha]) = *picture.get_pixel(x, y);
        Rgb([mix(red, alpha), mix(green, alpha), mix(blue, alpha)])
    };
    RgbImage::from_fn(picture.width(), picture.height(), over).into()
}

fn resized(picture: &DynamicImage, size: AvatarSize) -> DynamicImage {
    picture.resize_exact(size.pixels(), size.pixels(), FilterType::Lanczos3)
}

fn written(picture: &DynamicImage) -> Result<Vec<u8>, Fault> {
    let mut file = Vec::new();
    JpegEncoder::new_with_quality(&mut file, QUALITY).encode_image(&picture.to_rgb8()).map_err(Fault::internal)?;
    Ok(file)
}

#[cfg(test)]
mod tests {
    use image::{GrayImage, Luma};

    use super::*;

    fn png(picture: impl Into<DynamicImage>) -> Vec<u8> {
        let mut file = Cursor::new(Vec::new());
        picture.into().write_to(&mut file, ImageFormat::Png).expect("every picture can be written");
        file.into_inner()
    }

    fn made(file: &[u8]) -> RgbImage {
        let avatar = make(PictureFormat::Png, file).expect("a good picture");
        image::load_from_memory(&avatar.large).expect("a picture").into_rgb8()
    }

    /// Rule P5.b: it is the square around the middle that is shown, of wide, high and tiny pictures.
    #[test]
    fn an_avatar_is_the_middle_of_a_picture() {
        // White stripes on both sides of a black square.
        let is_black = |long: u32| (60..100).contains(&long);
        let shade = |is_black: bool| Luma([if is_black { 0 } else { 255 }]);
        let wide = GrayImage::from_fn(160, 40, |x, _| shade(is_black(x)));
        let high = GrayImage::from_fn(40, 160, |_, y| shade(is_black(y)));
        let tiny = GrayImage::from_pixel(1, 1, Luma([0]));
        for picture in [wide, high, tiny] {
            let avatar = made(&png(picture));
            assert_eq!(avatar.dimensions(), (256, 256));
            assert!(avatar.pixels().all(|pixel| pixel.0.iter().all(|shade| *shade < 16)));
        }
    }

    /// Rule P5.b: what shines through is white, and so is what the invisible would have had for a colour.
    #[test]
    fn transparency_becomes_white() {
        let half = RgbaImage::from_fn(64, 64, |x, _| Rgba([0, 0, 0, if x < 32 { 0 } else { 128 }]));
        let avatar = made(&png(half));
        let shade = |x| avatar.get_pixel(x, 128).0[0];
        assert!(
            shade(40) > 250 && shade(120) > 120 && (120..136).contains(&shade(200)),
            "{} {} {}",
            shade(40),
            shade(120),
            shade(200)
        );
    }

    /// Rule P5.c: a file of one format is not read as another.
    #[test]
    fn what_cannot_be_read_is_broken() {
        let file = png(GrayImage::from_pixel(8, 8, Luma([0])));
        for format in [PictureFormat::Jpeg, PictureFormat::WebP] {
            assert_eq!(read(format, &file).err(), Some(PictureFlaw::Broken));
        }
    }
}
