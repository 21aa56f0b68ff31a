"""Makes every compound value writable and readable by importing its layout and its builder: import this where values are saved or loaded."""

from scrubjay_engine.persistence import builders, layouts, stream_layout

__all__ = ["builders", "layouts", "stream_layout"]
