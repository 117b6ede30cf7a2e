//! The texts that code objects were compiled of, and the strings that C functions had: kept until it is known which file they become.

use std::collections::{BTreeMap, HashMap};
use std::rc::Rc;

use sha2::{Digest, Sha256};

use crate::trace::content::{Content, Role, Use};

/// Bytes of contents that are kept for what may come of them; the oldest are forgotten.
const KEPT: usize = 256 << 20;
/// Files of blobs, and uses of them that the manifest names.
const BLOBS: usize = 1 << 16;
const USES: usize = 1 << 18;

/// Contents that are kept, by number.
#[derive(Default)]
pub(super) struct Contents {
    kept: BTreeMap<u32, Rc<[u8]>>,
    bytes: usize,
    /// The files of the texts that are written.
    texts: HashMap<u32, String>,
    blobs: HashMap<u32, usize>,
}

/// A string that a C function had.
#[derive(Clone, Debug)]
pub struct Blob {
    pub file: String,
    pub sha256: [u8; 32],
    /// Bytes that it had, and bytes of the file.
    pub length: u64,
    pub kept: u64,
    pub uses: Vec<BlobUse>,
}

/// Where one was.
#[derive(Clone, Debug)]
pub struct BlobUse {
    pub role: Role,
    pub owner: Vec<u8>,
    pub name: Vec<u8>,
    /// The number of the instruction, and its offset in the layer with this place.
    pub instruction: u64,
    pub place: Option<(usize, i32)>,
}

/// All of them, and those that are only counted.
#[derive(Clone, Debug, Default)]
pub struct Blobs {
    pub blobs: Vec<Blob>,
    pub left_out: u64,
    pub left_out_bytes: u64,
    uses: usize,
}

impl Contents {
    pub(super) fn keep(&mut self, content: &Content) {
        self.bytes += content.bytes.len();
        self.kept.insert(content.number, Rc::clone(&content.bytes));
        while self.bytes > KEPT
            && let Some((_, bytes)) = self.kept.pop_first()
        {
            self.bytes -= bytes.len();
        }
    }

    pub(super) fn get(&self, number: u32) -> Option<Rc<[u8]>> {
        self.kept.get(&number).map(Rc::clone)
    }

    /// The file of a text that is written.
    pub(super) fn text_file(&self, number: u32) -> Option<&String> {
        self.texts.get(&number)
    }

    pub(super) fn text_written(&mut self, number: u32, file: String) {
        if self.texts.len() < BLOBS {
            self.texts.insert(number, file);
        }
    }

    /// Adds a use; returns the name and the bytes of a file that is to be written.
    pub(super) fn used(
        &mut self,
        blobs: &mut Blobs,
        used: &Use,
        instruction: u64,
        place: Option<(usize, i32)>,
    ) -> Option<(String, Rc<[u8]>)> {
        let Some(number) = used.content else {
            blobs.left_out = blobs.left_out.saturating_add(used.times);
            blobs.left_out_bytes = blobs.left_out_bytes.saturating_add(used.length);
            return None;
        };
        let bytes = self.get(number);
        let known = self.blobs.get(&number).copied();
        if known.is_none() && (bytes.is_none() || blobs.blobs.len() >= BLOBS) || blobs.uses >= USES {
            blobs.left_out += 1;
            blobs.left_out_bytes = blobs.left_out_bytes.saturating_add(used.length);
            return None;
        }
        let (index, new) = match (known, bytes) {
            (Some(index), _) => (index, None),
            (None, bytes) => {
                let bytes = bytes?;
                let file = format!("blob-{:04}.bin", blobs.blobs.len() + 1);
                let sha256 = Sha256::digest(&bytes).into();
                let kept = bytes.len() as u64;
                blobs.blobs.push(Blob { file: file.clone(), sha256, length: used.length, kept, uses: Vec::new() });
                self.blobs.insert(number, blobs.blobs.len() - 1);
                (blobs.blobs.len() - 1, Some((file, bytes)))
            }
        };
        blobs.uses += 1;
        let (owner, name) = (used.owner.clone(), used.name.clone());
        blobs.blobs[index].uses.push(BlobUse { role: used.role, owner, name, instruction, place });
        new
    }
}
