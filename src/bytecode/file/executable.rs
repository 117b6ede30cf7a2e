//! What of an executable for Windows (PE) is needed: a resource by its name, and what kind of program it is.

use object::LittleEndian as LE;
use object::pe::{
    IMAGE_DIRECTORY_ENTRY_COM_DESCRIPTOR, IMAGE_SUBSYSTEM_WINDOWS_GUI, ImageNtHeaders32, ImageNtHeaders64,
};
use object::read::pe::{
    ImageNtHeaders, ImageOptionalHeader, PeFile, ResourceDirectory, ResourceDirectoryEntryData, ResourceDirectoryTable,
};

/// Entries of one table of resources that are looked at.
const MOST_ENTRIES: usize = 1000;

/// Returns the data of the first resource of a named type.
pub fn resource<'a>(bytes: &'a [u8], kind: &str) -> Option<&'a [u8]> {
    of_either(bytes, |file| resource_of(file, kind), |file| resource_of(file, kind)).flatten()
}

/// Returns whether a program has windows and no console.
pub fn is_gui(bytes: &[u8]) -> bool {
    of_either(bytes, |file| has_gui(file), |file| has_gui(file)) == Some(true)
}

/// Returns whether a program is of .NET.
pub fn is_dotnet(bytes: &[u8]) -> bool {
    of_either(bytes, |file| has_clr(file), |file| has_clr(file)) == Some(true)
}

/// Looks at a program of 32 or 64 bits; None if it is neither.
fn of_either<'a, T>(
    bytes: &'a [u8],
    narrow: impl FnOnce(&PeFile<'a, ImageNtHeaders32>) -> T,
    wide: impl FnOnce(&PeFile<'a, ImageNtHeaders64>) -> T,
) -> Option<T> {
    if !bytes.starts_with(b"MZ") {
        return None;
    }
    if let Ok(file) = PeFile::<ImageNtHeaders32>::parse(bytes) {
        return Some(narrow(&file));
    }
    PeFile::<ImageNtHeaders64>::parse(bytes).ok().map(|file| wide(&file))
}

fn has_gui<Pe: ImageNtHeaders>(file: &PeFile<'_, Pe>) -> bool {
    file.nt_headers().optional_header().subsystem() == IMAGE_SUBSYSTEM_WINDOWS_GUI
}

fn has_clr<Pe: ImageNtHeaders>(file: &PeFile<'_, Pe>) -> bool {
    let directory = file.data_directory(IMAGE_DIRECTORY_ENTRY_COM_DESCRIPTOR);
    directory.is_some_and(|directory| directory.virtual_address.get(LE) != 0)
}

fn resource_of<'a, Pe: ImageNtHeaders>(file: &PeFile<'a, Pe>, kind: &str) -> Option<&'a [u8]> {
    let sections = file.section_table();
    let directory = file.data_directories().resource_directory(file.data(), &sections).ok()??;
    let root = directory.root().ok()?;
    let named = root.entries.iter().take(MOST_ENTRIES).find(|entry| {
        let name = entry.name_or_id().name().and_then(|name| name.to_string_lossy(directory).ok());
        name.is_some_and(|name| name.eq_ignore_ascii_case(kind))
    })?;
    let of_kind = named.data(directory).ok()?.table()?;
    let place = first_data(directory, of_kind)?;
    let data = sections.pe_data_at(file.data(), place.offset_to_data.get(LE))?;
    data.get(..place.size.get(LE) as usize)
}

/// The first piece of data below a table: under a name, then a language.
fn first_data<'a>(
    directory: ResourceDirectory<'a>,
    table: ResourceDirectoryTable<'a>,
) -> Option<&'a object::pe::ImageResourceDataEntry> {
    let below = table.entries.first()?.data(directory).ok()?;
    match below {
        ResourceDirectoryEntryData::Table(table) => table.entries.first()?.data(directory).ok()?.data(),
        ResourceDirectoryEntryData::Data(data) => Some(data),
    }
}
