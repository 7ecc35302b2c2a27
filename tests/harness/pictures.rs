//! Pictures for tests: four quarters, each of one colour, so that one can see how a picture was cut and turned.

use std::io::Cursor;

use image::{ImageFormat, Rgb, RgbImage};

/// Red and green above, blue and yellow below.
pub const QUARTERS: [[u8; 3]; 4] = [[200, 30, 30], [30, 200, 30], [30, 30, 200], [200, 200, 30]];
/// How far a colour may be off after it was written as JPEG twice.
const NEAR: u8 = 24;

/// A file of this format.
pub fn picture(format: ImageFormat, width: u32, height: u32) -> Vec<u8> {
    let quarter = |x, y| usize::from(x * 2 >= width) + 2 * usize::from(y * 2 >= height);
    let picture = RgbImage::from_fn(width, height, |x, y| Rgb(QUARTERS[quarter(x, y)]));
    let mut file = Cursor::new(Vec::new());
    picture.write_to(&mut file, format).expect("a format that can be written");
    file.into_inner()
}

/// Which of the quarters' colours a picture has in each of its quarters; nothing where it has none of them.
pub fn colour_at(file: &[u8]) -> [Option<usize>; 4] {
    let picture = image::load_from_memory(file).expect("a picture").into_rgb8();
    let (width, height) = picture.dimensions();
    [(1, 1), (3, 1), (1, 3), (3, 3)].map(|(x, y)| {
        let Rgb(found) = *picture.get_pixel(width * x / 4, height * y / 4);
        QUARTERS.iter().position(|wanted| wanted.iter().zip(found).all(|(wanted, found)| wanted.abs_diff(found) <= NEAR))
    })
}
