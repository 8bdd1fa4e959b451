//! Colours. After Okabe and Ito, darkened and spread so that neighbours differ in grey as well.

/// An opaque colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ink(pub(super) u8, pub(super) u8, pub(super) u8);

/// Text.
pub(super) const TEXT: Ink = Ink(0x22, 0x22, 0x22);
/// Text of lesser rank: tick labels, subtitle.
pub(super) const MUTED: Ink = Ink(0x55, 0x55, 0x55);
/// Axis lines and ticks.
pub(super) const AXIS: Ink = Ink(0x88, 0x88, 0x88);
/// Grid lines.
pub(super) const GRID: Ink = Ink(0xE6, 0xE6, 0xE6);
/// The page.
pub(super) const PAPER: Ink = Ink(0xFF, 0xFF, 0xFF);
/// Works, heals.
pub(super) const BLUE: Ink = Ink(0x08, 0x4A, 0x8C);
/// Fails, collapses.
pub(super) const VERMILION: Ink = Ink(0xC6, 0x50, 0x00);
/// A trigger, a warning: only ever as a light fill.
pub(super) const AMBER: Ink = Ink(0xF0, 0xB4, 0x2A);

/// Colours of series that have no meaning of their own, in order.
pub(super) const SERIES: [Ink; 6] =
    [BLUE, VERMILION, Ink(0x46, 0xAE, 0x8B), Ink(0x7A, 0x2E, 0x72), Ink(0xD9, 0x96, 0x0A), Ink(0x22, 0x22, 0x22)];

impl Ink {
    /// The colour mixed with `other`, which has the given share.
    pub(super) fn mixed(self, other: Ink, share: f64) -> Ink {
        let mix = |a: u8, b: u8| (f64::from(a) * (1.0 - share) + f64::from(b) * share).round() as u8;
        Ink(mix(self.0, other.0), mix(self.1, other.1), mix(self.2, other.2))
    }

    /// The colour, darkened until it can be read as small text on white (contrast 4.5 or more, WCAG 2).
    pub(super) fn for_text(self) -> Ink {
        let mut ink = self;
        for _ in 0..20 {
            if 1.05 / (ink.luminance() + 0.05) >= 4.5 {
                break;
            }
            ink = ink.mixed(Ink(0, 0, 0), 0.08);
        }
        ink
    }

    /// Relative luminance (WCAG 2).
    fn luminance(self) -> f64 {
        let linear = |v: u8| {
            let v = f64::from(v) / 255.0;
            if v <= 0.040_45 { v / 12.92 } else { libm::pow((v + 0.055) / 1.055, 2.4) }
        };
        0.2126 * linear(self.0) + 0.7152 * linear(self.1) + 0.0722 * linear(self.2)
    }
}
