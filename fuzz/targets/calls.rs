//! Reads any bytes as the memory that a call of a hostile program points to, as the broker does, and as the message about it that the
//! recorder gets.
#![no_main]

use bctrace::parts::arguments::{self, Memory, TimesForm};
use bctrace::parts::attempts::{self, Message};
use bctrace::parts::{Answer, Deed, Tried, address};
use libfuzzer_sys::fuzz_target;

/// As the broker reads command lines.
const MOST_WORDS: usize = 8;
const LONGEST_WORD: usize = 512;

/// Bytes from an address on; pointers in them lead back into them.
struct Bytes<'a>(u64, &'a [u8]);

impl Memory for Bytes<'_> {
    fn read(&self, address: u64, length: usize) -> Vec<u8> {
        let from = usize::try_from(address.wrapping_sub(self.0)).unwrap_or(usize::MAX).min(self.1.len());
        self.1[from..].iter().take(length).copied().collect()
    }
}

fuzz_target!(|data: &[u8]| {
    let _ = Message::decode(data);
    let Some((start, rest)) = data.split_first_chunk() else { return };
    let start = u64::from_ne_bytes(*start);
    let memory = Bytes(start, rest);
    for form in [TimesForm::Seconds, TimesForm::Microseconds, TimesForm::Nanoseconds] {
        let _ = arguments::times(&memory, start, form);
    }
    let path = arguments::path(&memory, start);
    assert_eq!(path.is_some(), rest.iter().take(4096).any(|&byte| byte == 0));
    let words = arguments::words(&memory, start, MOST_WORDS, LONGEST_WORD);
    assert!(words.len() <= MOST_WORDS && words.iter().all(|word| word.len() <= LONGEST_WORD));
    let address = address::of(rest);
    if let Some(address) = &address {
        let _ = (address.is_local(), address.is_name_service());
        assert!(address.text.len() <= rest.len() + 46);
    }
    let path = path.map(|path| path.into_os_string().into_encoded_bytes());
    let targets: Vec<Vec<u8>> = words.into_iter().chain(path).chain(address.map(|address| address.text)).take(MOST_WORDS).collect();
    let (deed, errno) = (rest.first().copied().unwrap_or(0), rest.len() as u16);
    let tried = Tried {
        process: 1,
        thread: start as i32,
        deed: Deed::from_number(deed).unwrap_or(Deed::Exec),
        targets,
        answer: if errno == 0 { Answer::Allowed } else { Answer::Refused(errno) },
        option: rest.iter().take(2000).copied().collect(),
    };
    let message = Message::decode(&attempts::encode(&tried, true)).expect("what was encoded");
    assert_eq!((message.thread, message.deed), (tried.thread, tried.deed));
});
