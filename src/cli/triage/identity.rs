//! Which file it is: its hashes, size and type.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use anyhow::Context;
use md5::Md5;
use serde::Serialize;
use sha1::Sha1;
use sha2::{Digest, Sha256};

use crate::cli::list::hexadecimal;
use crate::format::Named;

/// What a file is known by.
#[derive(Debug, Serialize)]
pub struct Identity {
    pub md5: String,
    pub sha1: String,
    pub sha256: String,
    pub size: u64,
    /// In words.
    #[serde(rename = "type")]
    pub kind: String,
}

impl Identity {
    /// Reads a file, whose type is not known yet.
    pub fn read(path: &Path) -> anyhow::Result<Identity> {
        let cannot = || format!("cannot read {}", Named::input(path));
        // A pipe waits for a writer when it is opened.
        let metadata = fs::metadata(path).with_context(cannot)?;
        anyhow::ensure!(!metadata.is_dir(), "{}: it is a folder; name a file in it", cannot());
        anyhow::ensure!(metadata.is_file(), "{}: it is no regular file", cannot());
        File::open(path).and_then(digest).with_context(cannot)
    }

    pub fn markdown(&self) -> String {
        self.rows().map(|(word, value)| format!("- {word}: {value}\n")).concat()
    }

    /// The lines for a terminal.
    pub fn text(&self) -> String {
        self.rows().map(|(word, value)| format!("  {word:<7}  {value}\n")).concat()
    }

    fn rows(&self) -> [(&'static str, String); 5] {
        [
            ("MD5", self.md5.clone()),
            ("SHA-1", self.sha1.clone()),
            ("SHA-256", self.sha256.clone()),
            ("size", format!("{} bytes", self.size)),
            ("type", self.kind.clone()),
        ]
    }
}

fn digest(mut file: File) -> io::Result<Identity> {
    let (mut md5, mut sha1, mut sha256) = (Md5::new(), Sha1::new(), Sha256::new());
    let (mut size, mut bytes) = (0, vec![0; 64 << 10]);
    loop {
        let count = file.read(&mut bytes)?;
        if count == 0 {
            break;
        }
        size += count as u64;
        md5.update(&bytes[..count]);
        sha1.update(&bytes[..count]);
        sha256.update(&bytes[..count]);
    }
    let (md5, sha1) = (hexadecimal(&md5.finalize()), hexadecimal(&sha1.finalize()));
    Ok(Identity { md5, sha1, sha256: hexadecimal(&sha256.finalize()), size, kind: "not known".into() })
}
