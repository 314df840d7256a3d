//! The picture: the part of the scene that the camera sees, with what cameras write over it.

use std::time::Duration;

use crate::optics::{Position, SCENE};

/// The scene at the gate, in the evening.
const EVENING: &str = include_str!("scene.svg");

/// What is seen, this long after the camera was switched on.
pub fn render(position: Position, running: Duration) -> String {
    let (left, top, width, height) = position.frame();
    let reading = position.reading();
    let (scene_width, scene_height) = SCENE;
    let seconds = running.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    format!(
        r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1280 720" width="1280" height="720">
<title>The gate in the evening: pan {pan}, tilt {tilt}, zoom {zoom}</title>
<svg x="0" y="0" width="1280" height="720" viewBox="{left} {top} {width} {height}">{EVENING}</svg>
<g fill="#0b1020" fill-opacity="0.6">
<rect x="40" y="44" width="288" height="50" rx="10"/><rect x="1108" y="44" width="128" height="50" rx="10"/>
<rect x="40" y="628" width="600" height="50" rx="10"/>
</g>
<g fill="none" stroke="#fff" stroke-opacity="0.8" stroke-width="3">
<path d="M28 80V28h52M1200 28h52v52M1252 640v52h-52M80 692H28v-52"/>
<path d="M640 338v18M640 364v18M618 360h18M644 360h18" stroke-width="2"/>
</g>
<g fill="#fff" font-family="ui-monospace, Menlo, Consolas, 'Liberation Mono', monospace" font-size="32" font-weight="600">
<circle cx="66" cy="69" r="11" fill="#ff5a4d"/>
<text x="92" y="80">REC {hours:02}:{minutes:02}:{seconds:02}</text>
<text x="1220" y="80" text-anchor="end">CAM 1</text>
<text x="58" y="664">PAN {pan:+}</text><text x="238" y="664">TILT {tilt:+}</text><text x="438" y="664">ZOOM {zoom:.1}</text>
</g>
<svg x="1060" y="582" width="160" height="90" viewBox="0 0 {scene_width} {scene_height}">
<rect x="5" y="5" width="1590" height="890" fill="#0b1020" fill-opacity="0.55" stroke="#fff" stroke-opacity="0.6" stroke-width="12"/>
<rect x="{left}" y="{top}" width="{width}" height="{height}" fill="#fff" fill-opacity="0.35" stroke="#fff" stroke-width="16"/>
</svg>
</svg>
"##,
        pan = reading.pan,
        tilt = reading.tilt,
        zoom = reading.zoom,
    )
}
