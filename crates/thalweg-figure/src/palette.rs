//! The colours of pages and figures, light and dark: one table.

/// A colour with a job.
pub struct Colour {
    /// Its job, and the name of its variable.
    pub name: &'static str,
    /// On light paper.
    pub light: &'static str,
    /// On dark paper.
    pub dark: &'static str,
}

const fn colour(name: &'static str, light: &'static str, dark: &'static str) -> Colour {
    Colour { name, light, dark }
}

/// Blue, vermilion, violet and grey stay apart for every common kind of colour blindness; dashes repeat what colour says.
pub const PALETTE: &[Colour] = &[
    colour("paper", "#ffffff", "#11161b"),
    colour("surface", "#f5f7f9", "#1a2129"),
    colour("ink", "#18202a", "#e7ebef"),
    colour("muted", "#55606d", "#a4afbb"),
    colour("rule", "#d3d9df", "#343e49"),
    colour("grid", "#e8ecf0", "#262f38"),
    colour("lead", "#0a63ad", "#67b3f5"),
    colour("quiet", "#8593a2", "#8592a0"),
    colour("against", "#b3440d", "#ff9b66"),
    colour("open", "#7551a3", "#c4a7ec"),
    colour("good", "#0c6e5c", "#55cdb4"),
    colour("caution", "#7d5700", "#e3b75a"),
];

/// A theme.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Theme {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

impl Colour {
    /// Its value in a theme.
    pub fn value(&self, theme: Theme) -> &'static str {
        match theme {
            Theme::Light => self.light,
            Theme::Dark => self.dark,
        }
    }
}

/// The palette as CSS variables: what the system prefers, unless `data-theme` on the root says otherwise; paper is light.
pub fn variables() -> String {
    let block = |theme| PALETTE.iter().map(|c| format!("--{}:{};", c.name, c.value(theme))).collect::<String>();
    let (light, dark) = (block(Theme::Light), block(Theme::Dark));
    format!(
        ":root{{color-scheme:light;{light}}}\n\
         @media screen and (prefers-color-scheme:dark){{:root:not([data-theme=light]){{color-scheme:dark;{dark}}}}}\n\
         @media screen{{:root[data-theme=dark]{{color-scheme:dark;{dark}}}}}\n"
    )
}

/// A style sheet with `var(--name)` replaced by the colours of one theme, for viewers that know no variables.
pub fn resolved(css: &str, theme: Theme) -> String {
    PALETTE.iter().fold(css.to_owned(), |css, c| css.replace(&format!("var(--{})", c.name), c.value(theme)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn luminance(hex: &str) -> f64 {
        let channel = |at: usize| {
            let c = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).expect("two hexadecimal digits")) / 255.0;
            if c <= 0.04045 { c / 12.92 } else { ((c + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
    }

    fn contrast(a: &str, b: &str) -> f64 {
        let (a, b) = (luminance(a), luminance(b));
        (a.max(b) + 0.05) / (a.min(b) + 0.05)
    }

    /// WCAG 2.1: text 4.5 (AA), graphical objects 3.
    #[test]
    fn contrast_is_aa() {
        let find = |name| PALETTE.iter().find(|c| c.name == name).expect("a colour of the palette");
        for theme in [Theme::Light, Theme::Dark] {
            for ground in ["paper", "surface"] {
                for (name, least) in
                    [("ink", 7.0), ("muted", 4.5), ("lead", 4.5), ("against", 4.5), ("open", 4.5), ("good", 4.5), ("caution", 4.5), ("quiet", 2.9)]
                {
                    let ratio = contrast(find(name).value(theme), find(ground).value(theme));
                    assert!(ratio >= least, "{name} on {ground}, {theme:?}: {ratio:.2}");
                }
            }
        }
    }
}
