//! Charts, drawn from plain numbers: SVG and PNG of the same drawing.
