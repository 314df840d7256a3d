//! Where the camera looks. The scene is 1600 by 900; what is seen of it has the same shape and never leaves it.

use serde::{Deserialize, Serialize};

/// Size of the scene.
pub const SCENE: (i32, i32) = (1600, 900);
/// The widths that can be seen, from all to little.
const WIDTHS: [i32; 5] = [1600, 1120, 800, 560, 400];

/// A movement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Direction {
    /// To the left
    Left,
    /// To the right
    Right,
    /// Upwards
    Up,
    /// Downwards
    Down,
    /// Nearer
    In,
    /// Further away
    Out,
    /// Back to where it began
    Home,
}

/// Where it looks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    center: (i32, i32),
    level: usize,
}

/// Where it looks, in words of people who own cameras.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, Serialize)]
pub struct Reading {
    /// From the middle, to the right
    pub pan: i32,
    /// From the middle, upwards
    pub tilt: i32,
    /// 1 shows everything
    pub zoom: f64,
}

impl Default for Position {
    fn default() -> Self {
        Self {
            center: (800, 450),
            level: 1,
        }
    }
}

impl Position {
    /// Moves by a fifth of what is seen, or zooms by one step, as far as there is something to see.
    #[must_use]
    pub fn moved(self, direction: Direction) -> Self {
        let (width, height) = self.size();
        let (x, y) = self.center;
        let (center, level) = match direction {
            Direction::Left => ((x - width / 5, y), self.level),
            Direction::Right => ((x + width / 5, y), self.level),
            Direction::Up => ((x, y - height / 5), self.level),
            Direction::Down => ((x, y + height / 5), self.level),
            Direction::In => (self.center, (self.level + 1).min(WIDTHS.len() - 1)),
            Direction::Out => (self.center, self.level.saturating_sub(1)),
            Direction::Home => return Self::default(),
        };
        let moved = Self { center, level };
        let (width, height) = moved.size();
        Self {
            center: (
                center.0.clamp(width / 2, SCENE.0 - width / 2),
                center.1.clamp(height / 2, SCENE.1 - height / 2),
            ),
            level,
        }
    }

    /// The part of the scene that is seen: left, top, width, height.
    pub fn frame(self) -> (i32, i32, i32, i32) {
        let (width, height) = self.size();
        (self.center.0 - width / 2, self.center.1 - height / 2, width, height)
    }

    /// What the dials show.
    pub fn reading(self) -> Reading {
        let zoom = f64::from(SCENE.0) / f64::from(self.size().0);
        Reading {
            pan: self.center.0 - SCENE.0 / 2,
            tilt: SCENE.1 / 2 - self.center.1,
            zoom: (zoom * 10.0).round() / 10.0,
        }
    }

    fn size(self) -> (i32, i32) {
        let width = WIDTHS[self.level];
        (width, width * SCENE.1 / SCENE.0)
    }
}
