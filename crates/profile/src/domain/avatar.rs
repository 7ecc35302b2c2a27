//! A person's avatar: which file may become one, and in which sizes it is made.

use super::picture;

/// 5 MiB.
const MOST_BYTES: usize = 5 * 1024 * 1024;
/// As many as telephones take unasked; uncompressed they have 100 MB.
const MOST_PIXELS: u64 = 25_000_000;

/// In which size an avatar is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum AvatarSize {
    Small,
    Large,
}

impl AvatarSize {
    pub(crate) const ALL: [Self; 2] = [Self::Small, Self::Large];

    /// The length of each side.
    pub(crate) const fn pixels(self) -> u32 {
        match self {
            Self::Small => 64,
            Self::Large => 256,
        }
    }
}

/// An avatar as it is kept and shown: JPEG, with nothing in it but the picture.
#[derive(PartialEq, Eq)]
pub(crate) struct Avatar {
    pub(crate) small: Vec<u8>,
    pub(crate) large: Vec<u8>,
}

impl Avatar {
    pub(crate) fn in_size(&self, size: AvatarSize) -> &[u8] {
        match size {
            AvatarSize::Small => &self.small,
            AvatarSize::Large => &self.large,
        }
    }
}

/// Formats of which an avatar is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PictureFormat {
    Jpeg,
    Png,
    WebP,
}

/// Why a file becomes no avatar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum PictureFlaw {
    #[error("the file has more than {MOST_BYTES} bytes")]
    TooManyBytes,
    #[error("the picture has more than {MOST_PIXELS} pixels")]
    TooManyPixels,
    #[error("the file is no JPEG, PNG or WebP")]
    UnknownFormat,
    #[error("the file ends too early or cannot be read")]
    Broken,
    #[error("there is something else behind the picture's end")]
    Mixed,
    #[error("the picture is animated")]
    Animated,
}

/// A file on its way in, counted as it comes.
#[derive(Default)]
pub(crate) struct PictureFile(Vec<u8>);

impl PictureFile {
    /// Takes the next bytes, unless they are too many.
    pub(crate) fn add(&mut self, chunk: &[u8]) -> Result<(), PictureFlaw> {
        if self.0.len() + chunk.len() > MOST_BYTES {
            return Err(PictureFlaw::TooManyBytes);
        }
        self.0.extend_from_slice(chunk);
        Ok(())
    }

    /// What it is by its content, if it is one picture from its first byte to its last.
    pub(crate) fn format(&self) -> Result<PictureFormat, PictureFlaw> {
        picture::format_of(&self.0)
    }

    pub(crate) fn into_bytes(self) -> Vec<u8> {
        self.0
    }
}

/// Asked of what a file's header says, before there is room for a single pixel of it.
pub(crate) const fn fits(width: u32, height: u32) -> Result<(), PictureFlaw> {
    // Both have 32 bits, their product fits.
    if width as u64 * height as u64 > MOST_PIXELS { Err(PictureFlaw::TooManyPixels) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rule P5.a: up to 5 MiB, counted while it comes.
    #[test]
    fn a_file_has_five_mebibytes_at_the_most() {
        let mut file = PictureFile::default();
        for _ in 0..5 {
            assert_eq!(file.add(&vec![0; 1 << 20]), Ok(()));
        }
        assert_eq!(file.add(&[]), Ok(()));
        assert_eq!(file.add(&[0]), Err(PictureFlaw::TooManyBytes));
        assert_eq!(file.into_bytes().len(), 5 << 20, "nothing is kept of what is too much");
    }

    /// Rule P5.c: what a header says is multiplied without overflowing.
    #[test]
    fn a_picture_has_twenty_five_million_pixels_at_the_most() {
        assert_eq!((fits(5712, 4284), fits(25_000_000, 1)), (Ok(()), Ok(())));
        for (width, height) in [(5001, 5000), (60_000, 60_000), (u32::MAX, u32::MAX)] {
            assert_eq!(fits(width, height), Err(PictureFlaw::TooManyPixels), "{width}×{height}");
        }
    }
}
