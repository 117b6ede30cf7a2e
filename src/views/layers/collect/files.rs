//! What is written of layers as they come: the files of code objects, their texts, and the strings that C functions had.

use std::io;

use sha2::{Digest, Sha256};

use super::Collector;
use crate::trace::State;
use crate::trace::content::Use;
use crate::views::layers::{Layer, Text, folder, manifest};

impl Collector {
    /// Writes the text that a layer was compiled of; returns the name of the file.
    pub(super) fn write_text(&mut self, place: usize, layer: &Layer, text: u32) -> io::Result<Option<String>> {
        if let Some(file) = self.contents.text_file(text) {
            return Ok(Some(file.clone()));
        }
        let Some(bytes) = self.contents.get(text) else { return Ok(None) };
        let file = folder::file_name(place, layer.best_name(), "py");
        let result = self.folder.as_ref().map_or(Ok(()), |folder| folder.write_file(&file, &bytes));
        if let Err(error) = &result {
            self.layers.error = Some(error.to_string());
        }
        result?;
        self.contents.text_written(text, file.clone());
        Ok(Some(file))
    }

    /// Writes the texts that no code object is known to come of.
    pub(super) fn write_other_texts(&mut self) -> io::Result<()> {
        for (number, making) in std::mem::take(&mut self.pending) {
            let maker = making.place.and_then(|(layer, _)| self.layers.layers.get(layer));
            let Some(bytes) = self.contents.get(number).filter(|_| maker.is_none_or(|maker| maker.wanted)) else {
                continue;
            };
            let file = format!("text-{:04}.py", self.layers.texts.len() + 1);
            let text = Text {
                sha256: Sha256::digest(&bytes).into(),
                length: bytes.len() as u64,
                how: making.how,
                instruction: making.instruction,
                place: making.place,
                file,
            };
            if let Some(folder) = &mut self.folder {
                folder.write_file(&text.file, &bytes)?;
            }
            self.layers.texts.push(text);
        }
        Ok(())
    }

    /// Adds a string that a C function had, and writes it if it is new.
    pub(super) fn add_use(&mut self, used: &Use, at: &State) -> io::Result<()> {
        let place = used.place.and_then(|(code, offset)| Some((*self.ids.get(code)?, offset)));
        let new = self.contents.used(&mut self.layers.blobs, used, at.instructions, place);
        if let (Some((file, bytes)), Some(folder)) = (new, &mut self.folder) {
            folder.write_file(&file, &bytes)?;
        }
        Ok(())
    }

    /// Writes the file of a layer; the manifest says if that is not possible.
    pub(super) fn write(&mut self, place: usize, layer: &Layer, file: &[u8]) -> io::Result<()> {
        let Some(folder) = &mut self.folder else { return Ok(()) };
        let room = folder.keep_room(manifest::layer_size(place, layer));
        let result = room.and_then(|()| folder.write_file(&folder::file_name(place, layer.best_name(), "pyc"), file));
        if let Err(error) = &result {
            self.layers.error = Some(error.to_string());
        }
        result
    }
}
