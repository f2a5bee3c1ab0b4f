//! The colour of each service, the same on every page and at all times.

/// The number of colours. They are the custom properties `--s0` to `--s7` of the style sheet.
/// Neighbours differ in lightness as well as in hue.
pub const COLOURS: u32 = 8;

/// Returns the number of the colour of the service `name`.
///
/// Uses a hash of the name (FNV-1a, 32 bits, folded), so the colour of a name never changes. Two
/// services may have the same colour, so always show the name with the colour.
pub fn colour_of(name: &str) -> u32 {
    let hash = name.bytes().fold(0x811c_9dc5_u32, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    });
    (hash ^ hash >> 16) % COLOURS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_keeps_its_colour() {
        // Users learn these colours, so they must not change.
        let names = [
            "shop",
            "shop-web",
            "shop-worker",
            "postgresql",
            "redis",
            "worker",
        ];
        assert_eq!(names.map(colour_of), [6, 7, 5, 2, 4, 1]);
    }

    #[test]
    fn names_spread_over_all_colours() {
        let mut used = [0; COLOURS as usize];
        for number in 0..800 {
            used[colour_of(&format!("service-{number}")) as usize] += 1;
        }
        assert!(
            used.iter().all(|count| (60..140).contains(count)),
            "{used:?}"
        );
    }
}
