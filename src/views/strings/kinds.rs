//! What a string looks like: an address on the net, a path, a key, or data in another form.

use std::sync::LazyLock;

use regex::bytes::Regex;

/// The kinds with their patterns; the first that matches is the string's.
static KINDS: LazyLock<Vec<(&str, Regex)>> = LazyLock::new(|| {
    [
        ("url", r"(?i)\b(?:https?|ftps?|wss?|tcp|udp|ssh|ldaps?|smb|file|mailto|magnet|data|irc)://[^\s]"),
        ("email", r"(?i)\b[a-z0-9._%+-]+@[a-z0-9-]+(?:\.[a-z0-9-]+)+\b"),
        ("address", r"(?:^|[^0-9.])(?:(?:25[0-5]|2[0-4]\d|1?\d?\d)\.){3}(?:25[0-5]|2[0-4]\d|1?\d?\d)(?::\d{1,5})?(?:$|[^0-9.])"),
        ("address", r"(?i)^(?:[0-9a-f]{0,4}:){3,7}[0-9a-f]{0,4}$"),
        ("host", r"(?i)^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+(?:com|net|org|info|biz|io|ru|cn|su|top|xyz|onion|cc|tk|me|co|uk|de|fr|nl|br|in|ir|kp|pw|site|online|club)(?::\d{1,5})?$"),
        ("key", r"-----BEGIN [A-Z ]+-----|^ssh-(?:rsa|dss|ed25519) |^(?:AKIA|ASIA)[0-9A-Z]{16}$|^gh[pousr]_[0-9A-Za-z]{20}|^xox[abprs]-"),
        ("registry", r"(?i)^(?:HKEY_|HKLM|HKCU|software\\)"),
        ("path", r"^(?:/|~/|\./|\.\./)[^/\x00-\x1f]+(?:/[^/\x00-\x1f]*)*$|(?i)^[a-z]:[\\/]|^\\\\[^\\]+\\|^%[A-Za-z]+%[\\/]"),
        ("hash", r"(?i)^(?:[0-9a-f]{32}|[0-9a-f]{40}|[0-9a-f]{64}|[0-9a-f]{128})$"),
        ("hex", r"(?i)^(?:[0-9a-f]{2}){12,}$"),
        ("base64", r"^(?:[A-Za-z0-9+/]{4}){4,}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$|^(?:[A-Za-z0-9_-]{4}){5,}(?:[A-Za-z0-9_-]{2}==|[A-Za-z0-9_-]{3}=)?$"),
        ("code", r"(?m)^(?:import [a-z_]+|from [a-z_.]+ import |def \w+\(|exec\b|class \w+)"),
        ("command", r"(?i)^(?:cmd(?:\.exe)? |powershell|/bin/(?:ba)?sh |wget |curl |chmod |schtasks|reg add)"),
    ]
    .into_iter()
    .map(|(kind, pattern)| (kind, Regex::new(pattern).expect("the pattern is one")))
    .collect()
});

/// Bytes that are looked at.
const LOOKED_AT: usize = 4096;

/// Returns what a string looks like, if it looks like anything.
pub(super) fn of(text: &[u8]) -> Option<&'static str> {
    let text = &text[..text.len().min(LOOKED_AT)];
    let (kind, _) = KINDS.iter().find(|(_, pattern)| pattern.is_match(text))?;
    // A word of letters alone is more likely a word.
    let is_word = || text.iter().all(u8::is_ascii_lowercase) || text.iter().all(u8::is_ascii_uppercase);
    (*kind != "base64" || !is_word() && text.len() >= 16).then_some(*kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_worth_reading_are_marked() {
        let cases = [
            ("http://evil.example/a?b=c", Some("url")),
            ("connect to 10.0.0.1:8080 now", Some("address")),
            ("fe80::1:2:3", Some("address")),
            ("c2.evil.ru:443", Some("host")),
            ("/etc/passwd", Some("path")),
            (r"C:\Windows\System32", Some("path")),
            (r"%APPDATA%\x.exe", Some("path")),
            ("5d41402abc4b2a76b9719d911017c592", Some("hash")),
            ("aGVsbG8gd29ybGQgYWdhaW4=", Some("base64")),
            ("-----BEGIN RSA PRIVATE KEY-----", Some("key")),
            ("import socket\n", Some("code")),
            ("who@example.org", Some("email")),
            ("abcdefghijklmnopqrstuvwx", None),
            ("1.2.3", None),
            ("p3ndulum", None),
            ("and/or", None),
        ];
        for (text, kind) in cases {
            assert_eq!(of(text.as_bytes()), kind, "{text}");
        }
    }
}
