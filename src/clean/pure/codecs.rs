//! The codecs that encrypted strings use, on bytes.

use std::io::Read;

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

use super::{MOST, Thing, text};
use crate::clean::value::Literal;

/// Decodes as `str.decode` does; None if the codec is not known or the text is not in its usual form.
pub fn decode<'a>(bytes: &[u8], codec: &[u8]) -> Option<Thing<'a>> {
    match codec {
        b"hex" | b"hex_codec" => unhex(bytes).map(text),
        b"base64" | b"base64_codec" => unbase64(bytes).map(text),
        b"zlib" | b"zip" | b"zlib_codec" => inflate(bytes).map(text),
        b"rot13" | b"rot_13" => unicode(rot13(bytes)?),
        b"ascii" | b"us-ascii" => unicode(bytes.is_ascii().then(|| bytes.to_vec())?),
        b"latin-1" | b"latin1" | b"iso-8859-1" => unicode(bytes.to_vec()),
        b"utf-8" | b"utf8" => {
            let points: Vec<u32> = std::str::from_utf8(bytes).ok()?.chars().map(u32::from).collect();
            Some(Thing::Plain(Literal::Unicode(points.into())))
        }
        _ => None,
    }
}

/// Encodes as `str.encode` does.
pub fn encode<'a>(bytes: &[u8], codec: &[u8]) -> Option<Thing<'a>> {
    match codec {
        b"hex" | b"hex_codec" => Some(text(bytes.iter().flat_map(|byte| format!("{byte:02x}").into_bytes()).collect())),
        b"rot13" | b"rot_13" => rot13(bytes).map(text),
        // A str is decoded as ASCII first.
        b"ascii" | b"us-ascii" | b"utf-8" | b"utf8" | b"latin-1" | b"latin1" if bytes.is_ascii() => {
            Some(text(bytes.to_vec()))
        }
        _ => None,
    }
}

/// Encodes as `unicode.encode` does.
pub fn encode_points<'a>(points: &[u32], codec: &[u8]) -> Option<Thing<'a>> {
    let below =
        |end: u32| points.iter().map(|&point| (point < end).then_some(point as u8)).collect::<Option<Vec<u8>>>();
    match codec {
        b"ascii" | b"us-ascii" => below(128).map(text),
        b"latin-1" | b"latin1" | b"iso-8859-1" => below(256).map(text),
        b"utf-8" | b"utf8" => {
            let chars: Option<String> = points.iter().map(|&point| char::from_u32(point)).collect();
            Some(text(chars?.into_bytes()))
        }
        _ => None,
    }
}

fn unicode<'a>(bytes: Vec<u8>) -> Option<Thing<'a>> {
    Some(Thing::Plain(Literal::Unicode(bytes.into_iter().map(u32::from).collect())))
}

/// Pairs of hexadecimal digits.
pub fn unhex(bytes: &[u8]) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let pair = |pair: &[u8]| match pair {
        [high, low] => Some(digit(*high)? << 4 | digit(*low)?),
        _ => None,
    };
    bytes.chunks(2).map(pair).collect()
}

/// Base64 of whole groups, in lines.
pub fn unbase64(bytes: &[u8]) -> Option<Vec<u8>> {
    let config = GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::RequireCanonical);
    let letters: Vec<u8> = bytes.iter().copied().filter(|byte| !b"\n\r".contains(byte)).collect();
    GeneralPurpose::new(&STANDARD, config.with_decode_allow_trailing_bits(true)).decode(letters).ok()
}

/// One whole zlib stream.
pub fn inflate(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    let mut decoder = flate2::read::ZlibDecoder::new(bytes).take(MOST as u64 + 1);
    decoder.read_to_end(&mut out).ok()?;
    let whole = out.len() <= MOST && decoder.into_inner().total_in() == bytes.len() as u64;
    whole.then_some(out)
}

fn rot13(bytes: &[u8]) -> Option<Vec<u8>> {
    let turned = |&byte: &u8| match byte {
        b'a'..=b'z' => Some((byte - b'a' + 13) % 26 + b'a'),
        b'A'..=b'Z' => Some((byte - b'A' + 13) % 26 + b'A'),
        _ => byte.is_ascii().then_some(byte),
    };
    bytes.iter().map(turned).collect()
}
