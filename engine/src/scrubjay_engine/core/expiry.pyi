from scrubjay_engine.core.engine import Engine

class ActiveExpiry:
    effort: int
    enabled: bool
    stale_percent: float
    capped: int
    def __init__(self, engine: Engine) -> None: ...
    def step(self, budget: float) -> bool: ...
