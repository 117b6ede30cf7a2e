//! What stands between a format's bytes and its file: nothing, zstd or gzip.  At every sync point what has been written
//! can be decompressed whole, and a [`Mark`] of it can end the file there, with a few more bytes.

use std::io;

use flate2::{Compress, FlushCompress};
use zstd::stream::raw::{self, InBuffer, Operation, OutBuffer};

/// How an output is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    None,
    Zstd,
    Gzip,
}

/// Bytes of output room that a compressor is given at a time.
const ROOM: usize = 128 << 10;

/// A gzip header without name and time: equal runs give equal bytes.  RFC 1952: deflate, no flags, fastest, unknown
/// system.
const GZIP_HEADER: [u8; 10] = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 4, 255];
/// RFC 1951: a last block of fixed codes that holds nothing.
const DEFLATE_END: [u8; 2] = [3, 0];
/// RFC 1951: blocks that hold nothing and end at a byte: a stored one; and one of fixed codes with a stored one.
pub(super) const DEFLATE_NOTHING: [u8; 5] = [0, 0, 0, 0xff, 0xff];
pub(super) const DEFLATE_NOTHING_LONGER: [u8; 6] = [2, 0, 0, 0, 0xff, 0xff];
/// Bytes in a stored block of deflate, and in a raw block of zstd, at most.
const DEFLATE_STORED: usize = 0xffff;
const ZSTD_RAW: usize = 128 << 10;
/// The zstd format (RFC 8878): the header of a frame without flags and with a window of 8 MiB.
pub(super) const ZSTD_HEADER: [u8; 6] = [0x28, 0xb5, 0x2f, 0xfd, 0, (23 - 10) << 3];
/// A last block, raw, of no bytes.
pub(super) const ZSTD_END: [u8; 3] = [1, 0, 0];

/// Compresses one stream into memory.
pub(super) enum Compressor {
    None,
    Zstd(Zstd),
    Gzip(Gzip),
}

pub(super) struct Zstd {
    encoder: Box<raw::Encoder<'static>>,
    begun: bool,
}

pub(super) struct Gzip {
    deflate: Compress,
    checksum: crc32fast::Hasher,
    /// Uncompressed bytes.
    length: u64,
    begun: bool,
}

impl Compressor {
    pub(super) fn new(compression: Compression) -> io::Result<Compressor> {
        Ok(match compression {
            Compression::None => Compressor::None,
            Compression::Zstd => Compressor::Zstd(Zstd { encoder: Box::new(raw::Encoder::new(1)?), begun: false }),
            Compression::Gzip => Compressor::Gzip(Gzip {
                deflate: Compress::new(flate2::Compression::fast(), false),
                checksum: crc32fast::Hasher::new(),
                length: 0,
                begun: false,
            }),
        })
    }

    pub(super) fn is_none(&self) -> bool {
        matches!(self, Compressor::None)
    }

    /// Appends what comes out for `bytes` to `out`; with `sync` a reader can decompress all of them.
    pub(super) fn compress(&mut self, bytes: &[u8], sync: bool, out: &mut Vec<u8>) -> io::Result<()> {
        match self {
            Compressor::None => out.extend_from_slice(bytes),
            Compressor::Zstd(zstd) => zstd.compress(bytes, sync, out)?,
            Compressor::Gzip(gzip) => gzip.compress(bytes, sync, out)?,
        }
        Ok(())
    }

    /// What must be known of the bytes so far in order to end the file after them.  The last call of `compress` was one
    /// with `sync`, or there was none.
    pub(super) fn mark(&self) -> Mark {
        match self {
            Compressor::None => Mark::None,
            Compressor::Zstd(zstd) => Mark::Zstd { begun: zstd.begun },
            Compressor::Gzip(Gzip { begun, checksum, length, .. }) => {
                Mark::Gzip { begun: *begun, checksum: checksum.clone(), length: *length }
            }
        }
    }
}

/// A sync point at which a compressed file can be ended.
#[derive(Clone)]
pub(super) enum Mark {
    None,
    Zstd { begun: bool },
    Gzip { begun: bool, checksum: crc32fast::Hasher, length: u64 },
}

impl Mark {
    /// Returns the bytes that end the file at the mark, after `last` as the last of what it holds.  They need no compressor,
    /// so another process can make them.
    pub(super) fn end_with(&self, last: &[u8]) -> Vec<u8> {
        match self {
            Mark::None => last.to_vec(),
            Mark::Zstd { begun } => zstd_end(*begun, last),
            Mark::Gzip { begun, checksum, length } => gzip_end(*begun, checksum.clone(), *length, last),
        }
    }
}

/// RFC 8878, 3.1.1.2: raw blocks, the last of which is marked as such.
fn zstd_end(begun: bool, last: &[u8]) -> Vec<u8> {
    let mut out = if begun { Vec::new() } else { ZSTD_HEADER.to_vec() };
    for block in last.chunks(ZSTD_RAW) {
        out.extend_from_slice(&((block.len() as u32) << 3).to_le_bytes()[..3]);
        out.extend_from_slice(block);
    }
    out.extend_from_slice(&ZSTD_END);
    out
}

/// RFC 1951, 3.2.4: stored blocks; RFC 1952: then the checksum, and the length modulo 2^32.
fn gzip_end(begun: bool, mut checksum: crc32fast::Hasher, length: u64, last: &[u8]) -> Vec<u8> {
    let mut out = if begun { Vec::new() } else { GZIP_HEADER.to_vec() };
    for block in last.chunks(DEFLATE_STORED) {
        let length = block.len() as u16;
        out.push(0);
        out.extend_from_slice(&length.to_le_bytes());
        out.extend_from_slice(&(!length).to_le_bytes());
        out.extend_from_slice(block);
    }
    checksum.update(last);
    out.extend_from_slice(&DEFLATE_END);
    out.extend_from_slice(&checksum.finalize().to_le_bytes());
    out.extend_from_slice(&((length + last.len() as u64) as u32).to_le_bytes());
    out
}

impl Zstd {
    fn compress(&mut self, bytes: &[u8], sync: bool, out: &mut Vec<u8>) -> io::Result<()> {
        // Without a byte the encoder would make no header either.
        self.begun |= !bytes.is_empty();
        let encoder = &mut self.encoder;
        let mut input = InBuffer::around(bytes);
        let mut step = |out: &mut Vec<u8>, flush: bool| -> io::Result<(usize, usize)> {
            let length = out.len();
            out.resize(length + ROOM, 0);
            let mut output = OutBuffer::around(&mut out[length..]);
            let left = if flush { encoder.flush(&mut output)? } else { encoder.run(&mut input, &mut output)? };
            let written = output.pos();
            out.truncate(length + written);
            Ok((left, input.pos()))
        };
        while step(out, false)?.1 < bytes.len() {}
        while sync && step(out, true)?.0 > 0 {}
        Ok(())
    }
}

impl Gzip {
    fn compress(&mut self, bytes: &[u8], sync: bool, out: &mut Vec<u8>) -> io::Result<()> {
        if !self.begun {
            out.extend_from_slice(&GZIP_HEADER);
            self.begun = true;
        }
        self.checksum.update(bytes);
        self.length += bytes.len() as u64;
        let mut rest = bytes;
        let flush = if sync { FlushCompress::Sync } else { FlushCompress::None };
        loop {
            let (before_in, before_out) = (self.deflate.total_in(), self.deflate.total_out());
            let length = out.len();
            out.resize(length + ROOM, 0);
            self.deflate.compress(rest, &mut out[length..], flush).map_err(io::Error::other)?;
            let (taken, given) = (self.deflate.total_in() - before_in, self.deflate.total_out() - before_out);
            out.truncate(length + given as usize);
            rest = &rest[taken as usize..];
            if rest.is_empty() && (given as usize) < ROOM {
                return Ok(());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Read;

    fn unpacked(packed: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        if packed.starts_with(&GZIP_HEADER[..2]) {
            flate2::read::GzDecoder::new(packed).read_to_end(&mut out).expect("gzip");
        } else {
            out = zstd::stream::decode_all(packed).expect("zstd");
        }
        out
    }

    #[test]
    fn every_sync_point_can_be_the_end() {
        for compression in [Compression::Zstd, Compression::Gzip] {
            let mut compressor = Compressor::new(compression).expect("a compressor");
            let (mut packed, mut whole) = (Vec::new(), Vec::new());
            for step in 0..20 {
                let last: Vec<u8> = (0..step * step * 1000).map(|place| place as u8).collect();
                for last in [&b""[..], &last] {
                    let ended = [&packed[..], &compressor.mark().end_with(last)].concat();
                    assert_eq!(unpacked(&ended), [&whole, last].concat(), "{compression:?} {step}");
                }
                let bytes: Vec<u8> = (0..step * 20_000).map(|place| (place % 251 * step % 256) as u8).collect();
                compressor.compress(&bytes, step % 3 > 0, &mut packed).expect("compressed");
                compressor.compress(b"end\n", true, &mut packed).expect("compressed");
                whole.extend_from_slice(&[&bytes[..], b"end\n"].concat());
            }
        }
    }
}
