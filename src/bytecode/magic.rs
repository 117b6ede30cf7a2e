//! Owns which Python wrote a .pyc, by the magic number that its first two bytes hold. Data only.

/// The magic number of the .pyc files that bctrace runs.
pub const MAGIC: u16 = 62211;

/// First and last magic number of each Python, development versions included.
const VERSIONS: &[(u16, u16, &str)] = &[
    (20121, 20121, "Python 1.5"),
    (50428, 50428, "Python 1.6"),
    (50823, 50823, "Python 2.0"),
    (60202, 60202, "Python 2.1"),
    (60717, 60717, "Python 2.2"),
    (62011, 62021, "Python 2.3"),
    (62041, 62061, "Python 2.4"),
    (62071, 62131, "Python 2.5"),
    (62151, 62161, "Python 2.6"),
    (62171, 62201, "a development version of Python 2.7"),
    (62211, 62211, "Python 2.7"),
    (62212, 62212, "Python 2.7 with -U"),
    (62218, 62218, "PyPy for Python 2.7"),
    (3000, 3131, "Python 3.0"),
    (3141, 3151, "Python 3.1"),
    (3160, 3180, "Python 3.2"),
    (3190, 3230, "Python 3.3"),
    (3250, 3310, "Python 3.4"),
    (3320, 3351, "Python 3.5"),
    (3360, 3379, "Python 3.6"),
    (3390, 3394, "Python 3.7"),
    (3400, 3413, "Python 3.8"),
    (3420, 3425, "Python 3.9"),
    (3430, 3439, "Python 3.10"),
    (3450, 3495, "Python 3.11"),
    (3500, 3531, "Python 3.12"),
    (3550, 3571, "Python 3.13"),
    (3600, 3627, "Python 3.14"),
];

/// Returns which Python uses a magic number.
pub fn python_of(magic: u16) -> Option<&'static str> {
    let row = VERSIONS.iter().find(|(first, last, _)| (*first..=*last).contains(&magic));
    row.map(|(_, _, python)| *python)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_magics_have_their_python() {
        let cases = [
            (62211, Some("Python 2.7")),
            (62161, Some("Python 2.6")),
            (62131, Some("Python 2.5")),
            (20121, Some("Python 1.5")),
            (60202, Some("Python 2.1")),
            (3413, Some("Python 3.8")),
            (3571, Some("Python 3.13")),
            (62210, None),
            (0, None),
        ];
        for (magic, python) in cases {
            assert_eq!(python_of(magic), python, "{magic}");
        }
    }

    #[test]
    fn no_magic_belongs_to_two_pythons() {
        for (place, (first, last, _)) in VERSIONS.iter().enumerate() {
            let others = &VERSIONS[place + 1..];
            assert!(first <= last && others.iter().all(|(low, high, _)| high < first || low > last));
        }
    }
}
