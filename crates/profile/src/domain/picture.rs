//! What a file is by its content, told from how it is put together and not from its pixels: where a picture ends, whether anything
//! comes behind it, whether it moves.
//!
//! A file can be two things at once, a picture for one reader and an archive or a page for another. Nothing of it is kept, so it
//! would do no harm; but whoever sends one does not send a picture of himself.

use super::avatar::{PictureFlaw, PictureFormat, fits};

/// Portable Network Graphics (W3C PNG, third edition), §5.2.
const PNG: &[u8] = b"\x89PNG\r\n\x1a\n";
/// The start of an image and the beginning of its next marker (ITU T.81, B.1.1.3).
const JPEG: &[u8] = b"\xff\xd8\xff";

pub(super) fn format_of(file: &[u8]) -> Result<PictureFormat, PictureFlaw> {
    if let Some(chunks) = file.strip_prefix(PNG) {
        png(chunks).map(|()| PictureFormat::Png)
    } else if file.starts_with(JPEG) {
        jpegs(file).map(|()| PictureFormat::Jpeg)
    } else if let Some(rest) = riff(file) {
        webp(rest).map(|()| PictureFormat::WebP)
    } else {
        Err(PictureFlaw::UnknownFormat)
    }
}

/// Chunks of a length, a type, data and a checksum, up to the one that ends the picture (§5.3). `acTL` says that it moves.
fn png(mut chunks: &[u8]) -> Result<(), PictureFlaw> {
    loop {
        let length = u32::from_be_bytes(take(&mut chunks)?);
        let kind: [u8; 4] = take(&mut chunks)?;
        skip(&mut chunks, length)?;
        let _checksum: [u8; 4] = take(&mut chunks)?;
        match &kind {
            b"acTL" => return Err(PictureFlaw::Animated),
            b"IEND" if chunks.is_empty() => return Ok(()),
            b"IEND" => return Err(PictureFlaw::Mixed),
            _ => {}
        }
    }
}

/// One picture, or several one after the other with zeros between: telephones put a map of brightness, or a smaller copy, behind the
/// first (CIPA DC-007). Anything else behind a picture makes the file a mixed one, but for a camera's notes.
fn jpegs(file: &[u8]) -> Result<(), PictureFlaw> {
    let mut file = jpeg(without_notes(file).unwrap_or(file))?;
    loop {
        while let Some(rest) = file.strip_prefix(&[0]) {
            file = rest;
        }
        if file.is_empty() {
            return Ok(());
        }
        if !file.starts_with(JPEG) {
            return Err(PictureFlaw::Mixed);
        }
        file = jpeg(file)?;
    }
}

/// The file without the notes that Samsung's cameras put at its end, if it has any. No standard says how, ExifTool does (its `Samsung`
/// module): blocks, `SEFH`, version and number of blocks, twelve bytes for each that say how far before `SEFH` it begins, the length
/// since `SEFH`, `SEFT`.
fn without_notes(file: &[u8]) -> Option<&[u8]> {
    let number = |bytes: &[u8]| usize::try_from(u32::from_le_bytes(bytes.try_into().ok()?)).ok();
    let (rest, length) = file.strip_suffix(b"SEFT")?.split_last_chunk::<4>()?;
    let (blocks, directory) = rest.split_at(rest.len().checked_sub(number(length)?)?);
    let (head, entries) = directory.strip_prefix(b"SEFH")?.split_at_checked(8)?;
    let (entries, count) = (entries.chunks_exact(12), number(&head[4..])?);
    if entries.len() != count || !entries.remainder().is_empty() {
        return None;
    }
    let farthest = entries.filter_map(|entry| number(&entry[4..8])).max()?;
    blocks.get(..blocks.len().checked_sub(farthest)?)
}

/// What comes behind one picture: segments up to the end of the image; after the header of a scan, its data (T.81, B.1.1).
fn jpeg(mut file: &[u8]) -> Result<&[u8], PictureFlaw> {
    let _start: [u8; 2] = take(&mut file)?;
    loop {
        match marker(&mut file)? {
            END_OF_IMAGE => return Ok(file),
            // Stand by themselves: TEM, RST.
            0x01 | 0xd0..=0xd7 => {}
            0x00 | START_OF_IMAGE => return Err(PictureFlaw::Broken),
            kind => {
                // Its length counts its own two bytes.
                let length = u16::from_be_bytes(take(&mut file)?);
                skip(&mut file, u32::from(length.checked_sub(2).ok_or(PictureFlaw::Broken)?))?;
                if kind == START_OF_SCAN {
                    file = behind_scan(file)?;
                }
            }
        }
    }
}

const START_OF_IMAGE: u8 = 0xd8;
const END_OF_IMAGE: u8 = 0xd9;
const START_OF_SCAN: u8 = 0xda;

/// A marker is 0xFF, any number of times, and a byte that says which.
fn marker(file: &mut &[u8]) -> Result<u8, PictureFlaw> {
    let [0xff] = take(file)? else { return Err(PictureFlaw::Broken) };
    loop {
        let [byte] = take(file)?;
        if byte != 0xff {
            return Ok(byte);
        }
    }
}

/// In the data of a scan a 0xFF that is no marker has a zero behind it; restarts belong to the data.
fn behind_scan(file: &[u8]) -> Result<&[u8], PictureFlaw> {
    let is_marker = |pair: &[u8]| pair[0] == 0xff && !matches!(pair[1], 0x00 | 0xd0..=0xd7);
    let end = file.windows(2).position(is_marker).ok_or(PictureFlaw::Broken)?;
    Ok(&file[end..])
}

/// What stands behind the head of a WebP: length and chunks.
fn riff(file: &[u8]) -> Option<&[u8]> {
    let rest = file.strip_prefix(b"RIFF")?;
    (rest.get(4..8) == Some(b"WEBP")).then_some(rest)
}

/// Chunks of a type, a length and data of even length, as many as the head says (RFC 9649 §2.3).
fn webp(mut rest: &[u8]) -> Result<(), PictureFlaw> {
    let length = usize::try_from(u32::from_le_bytes(take(&mut rest)?)).map_err(|_| PictureFlaw::Broken)?;
    let mut chunks = rest.get(..length).ok_or(PictureFlaw::Broken)?;
    if rest.len() > length {
        return Err(PictureFlaw::Mixed);
    }
    let _webp: [u8; 4] = take(&mut chunks)?;
    let mut canvas = None;
    while !chunks.is_empty() {
        let kind: [u8; 4] = take(&mut chunks)?;
        let length = u32::from_le_bytes(take(&mut chunks)?);
        if [*b"ANIM", *b"ANMF"].contains(&kind) {
            return Err(PictureFlaw::Animated);
        }
        let size = usize::try_from(length).map_err(|_| PictureFlaw::Broken)?;
        let data = chunks.get(..size).ok_or(PictureFlaw::Broken)?;
        match &kind {
            b"VP8X" => canvas = Some(canvas_of(data)?),
            b"VP8 " => {
                let frame = frame_of(data)?;
                fits(frame.0, frame.1)?;
                if canvas.is_some_and(|canvas| canvas != frame) {
                    return Err(PictureFlaw::Broken);
                }
            }
            b"VP8L" | b"ALPH" if size > MOST_LOSSLESS => return Err(PictureFlaw::TooManyPixels),
            _ => {}
        }
        skip(&mut chunks, length)?;
        if length % 2 == 1 {
            skip(&mut chunks, 1)?;
        }
    }
    Ok(())
}

/// What is packed without loss begins with tables of its own, four hundred times as large as they are packed: there is no room for more.
const MOST_LOSSLESS: usize = 512 << 10;

/// Width and height of the whole, less one each, in 24 bits (RFC 9649 §2.7).
fn canvas_of(data: &[u8]) -> Result<(u32, u32), PictureFlaw> {
    let side = |at: usize| {
        let bytes = data.get(at..at + 3).ok_or(PictureFlaw::Broken)?;
        Ok(1 + u32::from(bytes[0]) + (u32::from(bytes[1]) << 8) + (u32::from(bytes[2]) << 16))
    };
    Ok((side(4)?, side(7)?))
}

/// Width and height of a frame: fourteen bits each, behind its tag and start code (RFC 6386 §9.1).
fn frame_of(data: &[u8]) -> Result<(u32, u32), PictureFlaw> {
    let side = |at: usize| {
        let bytes = data.get(at..at + 2).ok_or(PictureFlaw::Broken)?;
        Ok(u32::from(u16::from_le_bytes([bytes[0], bytes[1]]) & 0x3fff))
    };
    Ok((side(6)?, side(8)?))
}

/// The next bytes; a file that has no more is broken.
fn take<const LENGTH: usize>(file: &mut &[u8]) -> Result<[u8; LENGTH], PictureFlaw> {
    let (taken, rest) = file.split_first_chunk().ok_or(PictureFlaw::Broken)?;
    *file = rest;
    Ok(*taken)
}

fn skip(file: &mut &[u8], length: u32) -> Result<(), PictureFlaw> {
    let length = usize::try_from(length).map_err(|_| PictureFlaw::Broken)?;
    *file = file.get(length..).ok_or(PictureFlaw::Broken)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunk(kind: [u8; 4], data: &[u8]) -> Vec<u8> {
        let length = u32::try_from(data.len()).expect("a few bytes");
        [&length.to_be_bytes(), &kind[..], data, b"sum!"].concat()
    }

    fn png_of(chunks: &[Vec<u8>]) -> Vec<u8> {
        [PNG, &chunks.concat()].concat()
    }

    fn jpeg_of(scan: &[u8]) -> Vec<u8> {
        [b"\xff\xd8\xff\xe0\x00\x04AB\xff\xff\xda\x00\x03C", scan, b"\xff\xd9"].concat()
    }

    fn webp_of(chunks: &[(&[u8; 4], &[u8])]) -> Vec<u8> {
        let mut body = b"WEBP".to_vec();
        for (kind, data) in chunks {
            body.extend([&kind[..], &u32::try_from(data.len()).expect("a few bytes").to_le_bytes(), data].concat());
            body.resize(body.len().next_multiple_of(2), 0);
        }
        [b"RIFF", &u32::try_from(body.len()).expect("a few bytes").to_le_bytes()[..], &body].concat()
    }

    /// Eight pixels by eight, and an odd number of bytes.
    const FRAME: &[u8] = b"\x10\0\0\x9d\x01\x2a\x08\0\x08\0!";

    /// One of each.
    fn pictures() -> [(PictureFormat, Vec<u8>); 3] {
        [
            (PictureFormat::Png, png_of(&[chunk(*b"IHDR", b"head"), chunk(*b"IDAT", b"IEND"), chunk(*b"IEND", b"")])),
            (PictureFormat::Jpeg, jpeg_of(b"data\xff\x00data\xff\xd3data")),
            (PictureFormat::WebP, webp_of(&[(b"VP8 ", FRAME), (b"EXIF", b"ANIM")])),
        ]
    }

    /// Rule P5.a: by content.
    #[test]
    fn a_picture_is_known_by_its_content() {
        for (format, file) in pictures() {
            assert_eq!(format_of(&file), Ok(format));
        }
        let others: [&[u8]; 6] = [b"", b"GIF89a", b"%PDF-1.7", b"<svg/>", b"RIFF\x04\0\0\0WAVE", b"BM"];
        for other in others {
            assert_eq!(format_of(other), Err(PictureFlaw::UnknownFormat), "{other:?}");
        }
    }

    /// Rule P5.c: wherever a file was cut off, it is no picture.
    #[test]
    fn a_file_that_was_cut_off_anywhere_is_broken() {
        for (format, file) in pictures() {
            for length in 0..file.len() {
                let found = format_of(&file[..length]);
                assert!(matches!(found, Err(PictureFlaw::Broken | PictureFlaw::UnknownFormat)), "{format:?} {length}: {found:?}");
            }
            assert_eq!(format_of(&file[..file.len() - 1]), Err(PictureFlaw::Broken));
        }
    }

    /// Rule P5.c: whatever comes behind a picture's end makes it a mixed file.
    #[test]
    fn anything_behind_the_end_is_found() {
        for (format, file) in pictures() {
            for more in [&b"PK\x03\x04"[..], b"\xff\xd9", b"x"] {
                assert_eq!(format_of(&[&file, more].concat()), Err(PictureFlaw::Mixed), "{format:?} {more:?}");
            }
        }
    }

    /// Notes as a camera of Samsung's puts them behind a picture.
    fn notes_of(blocks: &[&[u8]]) -> Vec<u8> {
        let number = |number: usize| u32::try_from(number).expect("a few bytes").to_le_bytes();
        let mut directory = [&b"SEFH"[..], &number(107), &number(blocks.len())].concat();
        for (index, block) in blocks.iter().enumerate() {
            let before: usize = blocks[index..].iter().map(|block| block.len()).sum();
            directory.extend([&b"\0\0\x01\x0a"[..], &number(before), &number(block.len())].concat());
        }
        [&blocks.concat()[..], &directory, &number(directory.len()), b"SEFT"].concat()
    }

    /// Rule P5.c: what Samsung's cameras note behind a picture belongs to it; what stands before or behind that, or only looks like it,
    /// does not.
    #[test]
    fn behind_a_jpeg_there_may_be_a_cameras_notes() {
        let (one, notes) = (jpeg_of(b"data"), notes_of(&[b"\0\0\x01\x0a\x0e\0\0\0Image_UTC_Data1763971200000", b"\0\0\x61\x0c"]));
        assert_eq!(format_of(&[&one[..], &notes].concat()), Ok(PictureFormat::Jpeg));
        assert_eq!(format_of(&[&one[..], &one, b"\0", &notes].concat()), Ok(PictureFormat::Jpeg), "behind several");
        assert_eq!(format_of(&[&one[..], b"PK\x03\x04", &notes].concat()), Err(PictureFlaw::Mixed), "before them");
        assert_eq!(format_of(&[&one[..], &notes, b"PK\x03\x04"].concat()), Err(PictureFlaw::Mixed), "behind them");
        assert_eq!(format_of(&[&one[..], &notes_of(&[])].concat()), Err(PictureFlaw::Mixed), "notes of nothing");
        assert_eq!(format_of(&[&one[..9], &notes].concat()), Err(PictureFlaw::Broken), "instead of the picture's end");
        for at in 0..notes.len() {
            // Wherever a byte is another, it is a picture or none, and nothing worse.
            let mut changed = notes.clone();
            changed[at] ^= 0xff;
            let found = format_of(&[&one[..], &changed].concat());
            assert!(matches!(found, Ok(PictureFormat::Jpeg) | Err(PictureFlaw::Mixed | PictureFlaw::Broken)), "{at}: {found:?}");
        }
        let flaw = |at_the_end: &[u8]| format_of(&[&one[..], at_the_end].concat());
        for beyond in [&b"SEFT"[..], b"\xff\xff\xff\xffSEFT", b"SEFH\x04\0\0\0SEFT", b"SEFH\0\0\0\0\x01\0\0\0\x0c\0\0\0SEFT"] {
            assert_eq!(flaw(beyond), Err(PictureFlaw::Mixed), "{beyond:?}");
        }
    }

    /// Telephones put further pictures behind the first one: they are pictures to their end, too.
    #[test]
    fn behind_a_jpeg_there_may_be_others() {
        let one = jpeg_of(b"data");
        assert_eq!(format_of(&[&one[..], b"\0\0", &one, b"\0"].concat()), Ok(PictureFormat::Jpeg));
        assert_eq!(format_of(&[&one[..], &one, b"PK\x03\x04"].concat()), Err(PictureFlaw::Mixed));
        assert_eq!(format_of(&[&one[..], &one[..one.len() - 1]].concat()), Err(PictureFlaw::Broken));
    }

    /// Rule P5.c: a picture that moves is refused.
    #[test]
    fn an_animation_is_found() {
        let png = png_of(&[chunk(*b"IHDR", b"head"), chunk(*b"acTL", b"frames"), chunk(*b"IDAT", b""), chunk(*b"IEND", b"")]);
        assert_eq!(format_of(&png), Err(PictureFlaw::Animated));
        for frames in [b"ANIM", b"ANMF"] {
            assert_eq!(format_of(&webp_of(&[(b"VP8X", b"0123456789"), (frames, b"frame")])), Err(PictureFlaw::Animated));
        }
    }

    /// Rule P5.c: a frame that is another size than its picture says, or too large, or packed so that its tables alone take all there is,
    /// is refused before it is unpacked.
    #[test]
    fn a_webp_that_lies_about_its_size_is_refused() {
        let canvas = b"\0\0\0\0\x07\0\0\x07\0\0";
        assert_eq!(format_of(&webp_of(&[(b"VP8X", canvas), (b"VP8 ", FRAME)])), Ok(PictureFormat::WebP));
        let larger = b"\x10\0\0\x9d\x01\x2a\x09\0\x08\0!";
        assert_eq!(format_of(&webp_of(&[(b"VP8X", canvas), (b"VP8 ", larger)])), Err(PictureFlaw::Broken));
        let largest = b"\x10\0\0\x9d\x01\x2a\xff\x3f\xff\x3f!";
        assert_eq!(format_of(&webp_of(&[(b"VP8 ", largest)])), Err(PictureFlaw::TooManyPixels));
        assert_eq!(format_of(&webp_of(&[(b"VP8 ", &FRAME[..9])])), Err(PictureFlaw::Broken));
        let tables = vec![0; MOST_LOSSLESS + 1];
        for packed in [b"VP8L", b"ALPH"] {
            assert_eq!(format_of(&webp_of(&[(packed, &tables)])), Err(PictureFlaw::TooManyPixels));
            assert_eq!(format_of(&webp_of(&[(packed, &tables[1..])])), Ok(PictureFormat::WebP));
        }
    }

    #[test]
    fn lengths_that_cannot_be_are_broken_and_no_panic() {
        let files = [
            [PNG, &u32::MAX.to_be_bytes(), b"IHDR"].concat(),
            b"\xff\xd8\xff\xe0\x00\x01AB".to_vec(),
            b"\xff\xd8\xff\xd8\xff\xd9".to_vec(),
            b"\xff\xd8\xff\x00\xff\xd9".to_vec(),
            b"\xff\xd8\xff\xe0\x00\x02AB".to_vec(),
            [b"RIFF", &u32::MAX.to_le_bytes()[..], b"WEBPVP8 "].concat(),
            [b"RIFF\x0c\0\0\0WEBPVP8 ", &u32::MAX.to_le_bytes()[..]].concat(),
            b"RIFF\0\0\0\0WEBP".to_vec(),
        ];
        for file in files.iter().take(7) {
            assert_eq!(format_of(file), Err(PictureFlaw::Broken), "{file:?}");
        }
        assert_eq!(format_of(&files[7]), Err(PictureFlaw::Mixed), "it ends before it begins");
    }
}
