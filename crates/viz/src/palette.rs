//! A colour for each service, the same on every page and every day.

/// How many colours there are: the custom properties `--s0` to `--s7` of the style sheet, chosen
/// so that neighbours differ in lightness as well as in hue.
pub const COLOURS: u32 = 8;

/// The number of the colour of the service `name`.
///
/// FNV-1a (32 bits, folded): the same text gives the same colour for ever. Two services may share
/// one, so a colour never stands without the name.
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
        // Changing these changes what people have learnt to recognise.
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
